"""Log-likelihoods of options: against a plain forward pass, and against lm-evaluation-harness
itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from eval.capability.answers import answer, answered, batches, option_rows
from eval.capability.items import Item
from eval.capability.lm_eval_engine import lm_eval_answers
from models.layout.collation import padded
from models.memory.prepare import prepared_layout


def items(count: int = 5) -> list[Item]:
    return [
        Item(
            id=str(number),
            task="asks" if number % 2 else "told",
            context=f"Question: what helps {'a little ' * number}?\nAnswer:",
            choices=["rest", "plenty of water", "no"],
            gold=number % 3,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("batch_tokens", [1, 64, 4096])
def test_options_are_as_likely_as_a_forward_pass_of_each_says(
    tiny_model: Any, tokenizer: Any, batch_tokens: int
) -> None:
    layout = prepared_layout(tiny_model, 0, 512)
    found = answer(tiny_model, tokenizer, items(), layout, policy="base", batch_tokens=batch_tokens)
    for item, made in zip(items(), found, strict=True):
        for row, logp in zip(option_rows(tokenizer, item, 512), made.logps, strict=True):
            ids = torch.tensor([row.input_ids])
            steps = tiny_model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
            expected = (steps * torch.tensor(row.completion_mask[1:])).sum()
            assert logp == pytest.approx(float(expected.detach()), abs=1e-4)


def test_packed_and_padded_layouts_agree(tiny_model: Any, tokenizer: Any) -> None:
    ways = (prepared_layout(tiny_model, 0, 512), padded(0))
    made = [
        answer(tiny_model, tokenizer, items(), way, policy="p", batch_tokens=200) for way in ways
    ]
    for first, second in zip(*made, strict=True):
        assert first.logps == pytest.approx(second.logps, abs=1e-4)


def test_accuracy_and_accuracy_by_length_part_where_options_differ_in_length() -> None:
    item = Item(id="1", task="t", context="q", choices=["no", "a long one"], gold=1)
    made = answered(item, "p", [-3.0, -8.0])
    assert (made.right, made.right_normalised) == (False, True)
    assert answered(item, "p", [-3.0, -3.0]).right is False, "of equals the first counts"


def test_a_question_that_is_too_long_loses_its_beginning(tokenizer: Any) -> None:
    (item,) = items(1)
    row = option_rows(tokenizer, item, 4)[1]
    whole = option_rows(tokenizer, item, 512)[1]
    assert row.input_ids == whole.input_ids[-4:]
    assert row.truncated


def test_batches_hold_what_fits_and_one_at_least() -> None:
    assert list(batches([3, 3, 9, 1], 6)) == [[0, 1], [2], [3]]


def test_every_item_gets_the_verdict_of_lm_evaluation_harness(
    tiny_directory: Path, tokenizer: Any
) -> None:
    """Where lm_eval is installed (docs/capability.md); it was held against SmolLM2 and the real
    sets.
    """
    pytest.importorskip("lm_eval", reason="lm_eval is an extra of the user's choice")
    from models.config import ModelConfig
    from models.loading.load import load_model

    own, other = (load_model(ModelConfig(path=str(tiny_directory))) for _ in range(2))
    layout = prepared_layout(own, 0, 512)
    mine = answer(own, tokenizer, items(9), layout, policy="p", batch_tokens=300)
    theirs = lm_eval_answers(other, tokenizer, items(9), policy="p")
    for one, two in zip(mine, theirs, strict=True):
        assert one.logps == pytest.approx(two.logps, abs=1e-4)
        assert (one.right, one.right_normalised) == (two.right, two.right_normalised)
