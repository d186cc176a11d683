"""A regime's texts as the rows that Primum trains on."""

from __future__ import annotations

from typing import Any

from benchmarks.training_cases import Regime, demonstrations_of, pairs_of
from models.tokens import TokenRow, encode, encode_pair


def demonstration_rows(regime: Regime, tokenizer: Any, max_length: int) -> list[TokenRow]:
    """Of `demonstrations_of`; the texts of a regime fit."""
    found = []
    for texts in demonstrations_of(regime, tokenizer):
        row = encode(tokenizer, texts["prompt"], texts["completion"], max_length)
        # A regime's lengths are below MAX_LENGTH: a row that is dropped would be another benchmark.
        assert row is not None
        found.append(row)
    return found


def pair_rows(regime: Regime, tokenizer: Any, max_length: int) -> list[tuple[TokenRow, TokenRow]]:
    """Of `pairs_of`; the texts of a regime fit."""
    found = []
    for texts in pairs_of(regime, tokenizer):
        sides = (texts["chosen"], texts["rejected"])
        pair = encode_pair(tokenizer, texts["prompt"], sides, max_length)
        assert pair is not None
        found.append(pair)
    return found
