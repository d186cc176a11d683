"""What rows take of model.max_length, by a sample that the longest prompts are in and do not
distort.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.config import LanguageModelConfig
from pipeline.checks.rendering import LONGEST_TRIED, fit_in_length, length_faults, try_rows
from pipeline.run.config import RunConfig
from records.rows import Demonstration, Kind, assistant, user


def row(number: int, words: int, kind: Kind = "harmful") -> Demonstration:
    return Demonstration(
        id=f"{kind}{number}",
        prompt=user(" ".join(["knee"] * words)),
        kind=kind,
        suite=kind,
        source="made",
        licence="MIT",
        completion=assistant("No."),
    )


def config(max_length: int) -> RunConfig:
    return replace(RunConfig(), model=LanguageModelConfig(max_length=max_length))


@pytest.mark.parametrize(("long", "faulty"), [(30, False), (300, True)])
def test_the_longest_prompts_are_found_and_do_not_stand_for_all(
    tokenizer: Any, long: int, faulty: bool
) -> None:
    """LONGEST_TRIED of 1000 prompts are long, and that is fewer than a tenth."""
    rows = [row(n, 90 if n < long else 4) for n in range(1000)]
    tried = try_rows(tokenizer, rows, 128)
    faults, (said,) = length_faults(config(128), tried)
    assert LONGEST_TRIED < len(tried.prompt_lengths) < len(rows)
    assert bool(faults) is faulty
    assert f"{max(tried.prompt_lengths.values())} (longest of" in said


def test_rows_of_one_kind_that_never_fit_are_a_fault_and_those_of_the_other_are_not(
    tokenizer: Any,
) -> None:
    rows = [*(row(n, 4) for n in range(10)), *(row(n, 90, "benign") for n in range(10))]
    (fault,) = fit_in_length(config(64), try_rows(tokenizer, rows, 64))
    assert "none of 10 benign rows tried fits" in fault


def test_rows_that_the_template_rejects_are_counted_and_all_of_them_are_a_fault(
    tokenizer: Any,
) -> None:
    import copy

    strict = copy.deepcopy(tokenizer)
    strict.chat_template = (
        "{% if messages[0].content == 'knee' %}{{ raise_exception('no knees') }}{% endif %}"
        + tokenizer.chat_template
    )
    rows = [row(n, 1 if n % 2 else 4) for n in range(10)]
    tried = try_rows(strict, rows, 64)
    assert len(tried.rejected) == 5
    assert fit_in_length(config(64), tried) == []
    said = length_faults(config(64), tried)[1][1]
    assert "5 of the rows tried are not held by the chat template, and prep leaves them out" in said
    assert "(no knees)" in said
    (fault,) = fit_in_length(config(64), try_rows(strict, rows[1::2], 64))
    assert "none of 5 rows tried can be rendered (" in fault
    assert "(no knees)" in fault
