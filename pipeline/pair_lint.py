"""The linter on built pairs, where the tokenizer is known: what model.max_length leaves of each
counts too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from data_prep.config import LintConfig
from data_prep.lint.faults import FAULT_KINDS
from data_prep.lint.linter import lint_pairs, require_fit
from data_prep.lint.pairs import Cut
from data_prep.lint.report import fault_line
from models.loading.load import load_tokenizer
from models.tokens import encode, encode_pair
from pipeline.policies import base_config
from pipeline.run.place import Place
from pipeline.setting_parts import BaseModel
from records.rows import Pair
from records.stage_folder import write_json
from reward.refusal.rule import refusal


def lint_built_pairs(
    model: BaseModel, lint: LintConfig, place: Place, pairs: list[Pair], dropped: Counter[str]
) -> list[Pair]:
    """Write lint.json and return the pairs worth training on; the others are counted in
    `dropped`.
    """
    cut = cut_of(load_tokenizer(base_config(model.base)), model.max_length)
    linted = lint_pairs(pairs, lint, refuses=refusal, cut=cut)
    # Before the check, so that the user can read what made it fail.
    write_json(place.path / "lint.json", linted.report)
    require_fit(linted.report, lint)
    dropped.update({FAULT_KINDS[kind].meaning: count for kind, count in linted.dropped.items()})
    if linted.report["fault_counts"]:
        place.say(fault_line(linted.report["fault_counts"]))
    return linted.pairs


def cut_of(tokenizer: Any, max_length: int) -> Callable[[Pair], Cut]:
    """What the token budget leaves of a pair, by the one function that encodes pairs for
    training.
    """

    def cut(pair: Pair) -> Cut:
        finished = (pair.chosen_finished, pair.rejected_finished)
        sides = encode_pair(
            tokenizer, pair.prompt, (pair.chosen, pair.rejected), max_length, finished=finished
        )
        if sides is not None:
            return "cut" if sides[0].truncated else "whole"
        # encode_pair says only that nothing is left; whether the prompt or the likeness is at fault
        # is asked once more.
        alone = encode(
            tokenizer, pair.prompt, pair.chosen, max_length, finished=pair.chosen_finished
        )
        return "no_room" if alone is None else "identical"

    return cut
