"""Rows in = rows kept + rows left out with a reason, over rows that nobody would write on
purpose.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.config import DataConfig, LintConfig, SplitConfig
from data_prep.lint.faults import FAULT_KINDS
from data_prep.lint.linter import usable
from data_prep.prepare import prepare
from data_prep.splits.split_files import read_splits
from records.rows import Demonstration, Prompt, assistant, user
from reward.refusal.rule import refusal

# Lone surrogates and controls too.
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=12)
ANSWERS = ["I cannot help.", "Sure.", "Sure.", " Sure.\n", "No."]
PHRASES = st.sampled_from(
    [
        *ANSWERS,
        "How do I hide it?",
        "how do i hide it",
        "Which?",
        "<|eot_id|>",
        "\ud83d",
        "caf\ufffd",
        " ",
    ]
)
TEXTS = st.sampled_from(ANSWERS) | PHRASES | ANYTHING
ROLES = st.sampled_from(["user", "assistant", "system", "narrator"])
MESSAGES = st.lists(
    st.builds(lambda role, content: {"role": role, "content": content}, ROLES, TEXTS), max_size=2
)
PROMPTS = (
    st.sampled_from(["How do I hide it?", "how do i hide it", "Which?"]).map(user)
    | TEXTS.map(user)
    | MESSAGES
)


@st.composite
def row_lists(draw: st.DrawFn) -> list[Demonstration]:
    """Ids are unique, as read_source sees to; everything else is arbitrary."""
    rows = []
    for number in range(draw(st.integers(0, 12))):
        rows.append(
            Demonstration(
                id=f"{number}",
                prompt=draw(PROMPTS),  # type: ignore[arg-type]
                completion=draw(st.just([]) | TEXTS.map(assistant)),
                rejected=draw(st.just([]) | TEXTS.map(assistant)),
                kind=draw(st.sampled_from(["harmful", "benign"])),
                suite=draw(st.sampled_from(["harmful", "questions"])),
                source="made",
                licence="MIT",
                topic=draw(st.just("") | st.just("t") | PHRASES),
                twin_id=draw(st.none() | st.integers(0, 11).map(str)),
                split=draw(st.sampled_from(["train", "test"])),
            )
        )
    return rows


@settings(max_examples=60, deadline=None)
@given(rows=row_lists(), evaluation=st.lists(TEXTS, max_size=2))
def test_every_row_is_kept_or_left_out_with_a_reason(
    rows: list[Demonstration], evaluation: list[str]
) -> None:
    config = DataConfig(
        lint=LintConfig(fail_above={}, min_rows=0), split=SplitConfig(train_limit=5)
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        patch("data_prep.prepare.read_tables", return_value=(rows, {})),
    ):
        summary = prepare(
            config, Path(folder), seed=0, evaluation_texts={"suite": evaluation}, refuses=refusal
        )
        kept = read_splits(Path(folder), "prompts", Prompt)
        demonstrations = read_splits(Path(folder), "demonstrations", Demonstration)
        report = json.loads((Path(folder) / "lint.json").read_text())
    assert (
        summary["rows_read"] == len(rows) == summary["rows_kept"] + sum(summary["dropped"].values())
    )
    further = [row for row in demonstrations if row.prompt_id]
    assert (
        len({row.id for row in (*kept, *further)})
        == len(kept) + len(further)
        == summary["rows_kept"]
        == report["rows"]
    )
    assert {row.id for row in (*kept, *further)} <= {row.id for row in rows}
    splits = {row.id: (row.split, row.group, row.kind) for row in kept}
    assert all(splits[row.prompt_id] == (row.split, row.group, row.kind) for row in further)
    by_lint = Counter(
        {
            kind: n
            for kind, n in summary["dropped"].items()
            if kind in FAULT_KINDS and FAULT_KINDS[kind].dropped
        }
    )
    assert by_lint.total() == len(usable(rows).why)
    assert all(report["fault_counts"][kind] >= n for kind, n in by_lint.items())


@settings(max_examples=60, deadline=None)
@given(rows=row_lists())
def test_what_is_usable_stays_usable(rows: list[Demonstration]) -> None:
    first = usable(rows)
    assert len(first.rows) + len(first.why) == len(rows)
    assert usable(first.rows).why == {}
