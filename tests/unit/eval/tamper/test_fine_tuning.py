"""Benign fine-tuning in memory: it learns its rows, the same way every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from present import present

from eval.tamper.config import TamperConfig
from eval.tamper.fine_tuning import _batches, fine_tuned
from models.config import ModelConfig
from models.layout.logps import collate, completion_logps
from models.loading.load import load_model
from models.memory.prepare import prepared_layout
from models.tokens import TokenRow, encode
from records.rows import assistant, user

CONFIG = TamperConfig(steps=12, batch_size=4, rank=4, learning_rate=1e-2)


def changed(tiny_directory: Path, rows: list[TokenRow]) -> Any:
    model = load_model(ModelConfig(path=str(tiny_directory)))
    layout = prepared_layout(model, 0, 200)
    return fine_tuned(model, rows, layout, CONFIG, seed=3, dtype=torch.float32)


def test_the_rows_become_likelier_and_the_result_depends_on_the_seed_alone(
    tiny_directory: Path, tiny_model: Any, tokenizer: Any
) -> None:
    texts = [f"Drink {n} glasses of water a day." for n in range(6)]
    rows = [
        present(encode(tokenizer, user(f"What helps {n}?"), assistant(text), 200))
        for n, text in enumerate(texts)
    ]
    before = completion_logps(tiny_model, collate(rows, 0)).sum()
    first, second = changed(tiny_directory, rows), changed(tiny_directory, rows)
    assert completion_logps(first, collate(rows, 0)).sum() > before + 10
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    assert not any(parameter.requires_grad for parameter in first.parameters())


def test_every_row_comes_once_before_any_comes_twice() -> None:
    seen = [place for batch in _batches(10, 4, 5, seed=0) for place in batch]
    assert len(seen) == 20
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
