"""The card of prompts: its counts are those of the files, and no text of a row is in it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from card_parts_shown import Make, sections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep.cards.data_card import HEADINGS
from data_prep.cards.prompts_card import REASONS, prompts_card
from data_prep.config import (
    DataConfig,
    LintConfig,
    SourceConfig,
    SplitConfig,
)
from data_prep.lint.linter import lint
from data_prep.prepare import prepare
from data_prep.splits.split_files import read_splits
from records.rows import Demonstration, Prompt


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def test_no_text_of_any_row_is_in_the_card(tmp_path: Path) -> None:
    prepare(DataConfig(), tmp_path, seed=0, evaluation_texts={})
    described = (tmp_path / "data_card.md").read_text() + (tmp_path / "croissant.json").read_text()
    rows = read_splits(tmp_path, "demonstrations", Demonstration)
    assert not [
        row.id
        for row in rows
        if row.prompt[0]["content"] in described or row.completion[0]["content"] in described
    ]


def test_the_suites_that_rows_were_compared_with_are_named(tmp_path: Path) -> None:
    prepare(
        DataConfig(),
        tmp_path / "one",
        seed=0,
        evaluation_texts={"kqa": ["a b c", "d"], "xstest": ["e"]},
    )
    assert (
        "evaluation suites: 2 of kqa, 1 of xstest"
        in (tmp_path / "one" / "data_card.md").read_text()
    )
    prepare(DataConfig(), tmp_path / "two", seed=0, evaluation_texts={})
    assert "No evaluation suite was at hand" in (tmp_path / "two" / "data_card.md").read_text()


requests = st.tuples(
    st.sampled_from("abcdef"),  # few, so that some are equal
    st.sampled_from(["harmful", "benign"]),
    st.sampled_from([None, 1, 9]),
    st.sampled_from(["", "no", "yes"]),
)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(requests, min_size=1, max_size=20),
    limit=st.sampled_from([None, 1, 3]),
    seed=st.integers(0, 3),
)
def test_the_counts_of_the_card_are_those_of_the_files(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, int | None, str]],
    limit: int | None,
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("card")
    lines = [
        {
            "prompt": f"{letter}1 {letter}2",
            "kind": kind,
            "principle": principle,
            "completion": answer,
        }
        for letter, kind, principle, answer in rows
    ]
    (folder / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = DataConfig(
        sources=[SourceConfig(name="mine", format="jsonl", path=str(folder / "in.jsonl"))],
        split=SplitConfig(train_limit=limit, val_limit=limit),
        lint=LintConfig(min_rows=0),
    )
    prepare(config, folder / "out", seed=seed, evaluation_texts={"suite": ["b1 b2"]})
    prompts = read_splits(folder / "out", "prompts", Prompt)
    answered = read_splits(folder / "out", "demonstrations", Demonstration)
    text = (folder / "out" / "data_card.md").read_text()
    shown = sections(text)
    assert (
        f"\n{len(prompts)} prompts of {len(rows)} rows read (prompts.\\*.jsonl), {len(answered)} "
        "of them with a completion" in text
    )
    kinds = Counter(row.kind for row in prompts)
    source = cells(shown[HEADINGS["sources"]].splitlines()[2])
    assert source[4:] == [
        str(n) for n in (len(rows), len(prompts), kinds["harmful"], kinds["benign"])
    ]
    read, kept, lost, *reasons = map(
        int,
        re.findall(
            r"(?<![\w.])\d+(?= rows read| kept| left out| \w)",
            shown[HEADINGS["left_out"]].split("\n")[0],
        ),
    )
    assert (read, kept) == (len(rows), len(prompts))
    assert lost == read - kept == sum(reasons)
    table = [cells(line) for line in shown[HEADINGS["splits"]].splitlines() if line.startswith("|")]
    for line in table[2:]:
        mine = [row for row in prompts if line[0] in ("all", row.suite)]
        for name, cell in zip(table[0][1:], line[1:], strict=True):
            if name.startswith("principle "):
                of = Counter(row.split for row in mine if row.principle == int(name.split()[1]))
                present = [split for split in ("train", "val", "test") if split in table[0]]
                assert cell == ("/".join(str(of[split]) for split in present) if of else "-")
            else:
                assert int(cell) == sum(row.split == name for row in mine)


def test_the_card_says_what_the_linter_found_in_which_source_and_how_large_groups_are(
    row: Make,
) -> None:
    rows = [
        row("a", "One", "Broken \ufffd.", group="g"),
        row("b", "Two", group="g"),
        row("c", "Three", group="h", source="other"),
    ]
    sources = [
        SourceConfig(name=name, format="jsonl", path="x.jsonl", licence="MIT")
        for name in ("made", "other")
    ]
    config = DataConfig(
        sources=sources, split=SplitConfig(near_duplicate=0.7, near_duplicate_ngram=3)
    )
    shown = prompts_card(
        config,
        rows,
        [],
        rows_read={"made": 2, "other": 1},
        seed=0,
        compared={},
        lint=lint(rows, config.lint),
    )
    assert (
        "",
        (
            "replacement_character in 1 of 3 rows (1 of made): U+FFFD: a character was lost when "
            "the text was decoded"
        ),
    ) in (shown.limitations)
    assert (
        "",
        (
            "opening_share 0.67 over 3 safe completions: the same three words open more of them "
            "than data.lint.max_opening_share"
        ),
    ) in (shown.limitations)
    assert (
        "(Jaccard similarity of the sets of runs of 3 words at least 0.7, linked in chains)"
        in shown.splits
    )
    assert "There are 2 such groups; the largest holds 2 of 3 rows." in shown.splits


def test_every_reason_that_prep_gives_has_words(tmp_path: Path, checkout: Path) -> None:
    sources = [
        SourceConfig(),
        SourceConfig(name="msb", format="medsafetybench", path=str(checkout)),
    ]
    limits = SplitConfig(train_limit=9, benign_train_limit=3, val_limit=3, test_limit=3)
    summary = prepare(
        DataConfig(sources=sources, split=limits), tmp_path, seed=0, evaluation_texts={}
    )
    assert summary["dropped"]
    assert set(summary["dropped"]) <= set(REASONS)
