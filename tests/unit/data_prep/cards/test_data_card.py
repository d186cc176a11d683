from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep.cards.data_card import HEADINGS, DataCard, require_complete
from data_prep.cards.pairs_card import Deciders, pairs_card
from data_prep.cards.prompts_card import REASONS, prompts_card
from data_prep.cards.source_facts import NOT_STATED, facts_of
from data_prep.config import (
    DataConfig,
    LintConfig,
    PublicationConfig,
    SourceConfig,
    SplitConfig,
)
from data_prep.lint.linter import lint
from data_prep.prepare import prepare
from data_prep.source_registry import SOURCES, source_kind
from data_prep.splits.split_files import read_splits
from data_prep.splits.splitting import Drop
from records.errors import RecordError
from records.rows import Demonstration, Pair, Prompt, assistant, user

Make = Callable[..., Demonstration]
NO_FAULTS = {"fault_counts": {}, "openings": {}, "faults": []}


@pytest.fixture
def card(row: Make) -> DataCard:
    config = DataConfig(
        sources=[SourceConfig(name="made", format="jsonl", path="x.jsonl", licence="MIT")]
    )
    return prompts_card(
        config, [row("a", "A")], [], rows_read={"made": 1}, seed=0, compared={}, lint=NO_FAULTS
    )


def sections(text: str) -> dict[str, str]:
    _, *parts = text.split("\n## ")
    return {part.split("\n", 1)[0]: part.split("\n", 1)[1].strip() for part in parts}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def test_every_heading_of_the_page_has_something_under_it(tmp_path: Path) -> None:
    prepare(DataConfig(), tmp_path, seed=0, evaluation_texts={})
    shown = sections((tmp_path / "data_card.md").read_text())
    assert list(shown) == list(HEADINGS.values())
    assert all(shown.values())


@pytest.mark.parametrize(
    "name", [field.name for field in dataclasses.fields(DataCard) if field.name != "citations"]
)
def test_an_empty_part_is_refused_by_name(card: DataCard, name: str) -> None:
    require_complete(card)
    for nothing in ("", " \n", ()):
        with pytest.raises(RecordError, match=f"{name} is empty"):
            require_complete(dataclasses.replace(card, **{name: nothing}))


def test_all_empty_parts_are_named_at_once_with_the_source_that_lacks_them(card: DataCard) -> None:
    with pytest.raises(RecordError) as caught:
        require_complete(
            dataclasses.replace(
                card, cost=(("a", "none"), ("b", " ")), personal=(("", ""),), summary=""
            )
        )
    assert [re.search(r"': (.*) is empty", fault)[1] for fault in caught.value.faults] == [  # type: ignore[index]
        "summary",
        "cost of b",
        "personal of the whole set",
    ]


@pytest.mark.parametrize("name", SOURCES)
def test_of_a_known_set_every_fact_is_stated(name: str) -> None:
    known = source_kind(name).known
    facts = dataclasses.asdict(known.facts) if known else {}
    assert all(fact.strip() for key, fact in facts.items() if key != "citation")


def test_what_the_owner_did_not_state_is_said_to_be_unstated_and_not_guessed(
    card: DataCard,
) -> None:
    shown = sections(card.markdown())
    for heading in ("decided", "principles", "written", "not_represented", "cost", "personal"):
        assert NOT_STATED in shown[HEADINGS[heading]]
    assert (
        "The generator `human` also stands where a row names none: made."
        in shown[HEADINGS["sources"]]
    )


def test_what_the_owner_stated_is_printed_as_a_statement() -> None:
    source = SourceConfig(
        name="m",
        format="jsonl",
        path="x",
        labelled_by="Two nurses in Ghana,\n by their hospital's code.",
    )
    assert facts_of(source).decided.startswith(
        "Two nurses in Ghana, by their hospital's code (as the run's owner states it, not "
        "checked). "
    )
    assert NOT_STATED not in " ".join(dataclasses.astuple(facts_of(source)))


def test_sources_with_the_same_fact_share_its_line() -> None:
    config = DataConfig(
        sources=[
            SourceConfig(name="one", only=["twins"]),
            SourceConfig(name="two", only=["patient_questions"]),
        ]
    )
    card = prompts_card(
        config, [], [], rows_read={"one": 0, "two": 0}, seed=0, compared={}, lint=NO_FAULTS
    )
    assert [about for about, _ in card.principles] == ["one, two"]
    assert len(card.citations) == 1


def test_a_reader_is_told_of_non_commercial_unstated_and_evaluation_only_sources(row: Make) -> None:
    sources = [
        SourceConfig(name="closed", format="jsonl", path="x", licence="CC BY-NC 4.0"),
        SourceConfig(name="open", format="jsonl", path="x", licence="MIT"),
        SourceConfig(name="odd", format="jsonl", path="x", evaluation_only=True),
    ]
    rows = [
        row(s.name, s.name, source=s.name, licence=s.licence, generator="gpt4") for s in sources
    ]
    shown = prompts_card(
        DataConfig(sources=sources),
        rows,
        [],
        rows_read=Counter(s.name for s in sources),
        seed=0,
        compared={},
        lint=NO_FAULTS,
    )
    assert (
        "Not for commercial use, and a model trained on it is marked so: closed." in shown.sources
    )
    assert "Licence not stated by the run's owner: odd." in shown.sources
    assert "For evaluation only, all of it in the test split: odd." in shown.sources
    assert "names none" not in shown.sources
    assert shown.licences == ("CC BY-NC 4.0", "MIT", "unknown")


def test_a_source_of_which_nothing_was_kept_keeps_its_line_and_its_licence(row: Make) -> None:
    config = DataConfig(
        sources=[SourceConfig(name="made", format="jsonl", path="x", licence="MIT")]
    )
    lost = Drop(row("a", "A"), "a_reason_of_tomorrow")
    shown = prompts_card(
        config, [], [lost], rows_read={"made": 1}, seed=0, compared={}, lint=NO_FAULTS
    )
    require_complete(shown)
    assert "| made | jsonl | MIT | none kept | 1 | 0 | 0 | 0 |" in shown.sources
    assert shown.left_out[0] == (
        "made",
        "1 rows read = 0 kept + 1 left out: 1 a_reason_of_tomorrow",
    )


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


def test_a_name_cannot_break_the_table(row: Make) -> None:
    config = DataConfig(sources=[SourceConfig(name="a|b\nc", format="jsonl", path="x")])
    shown = prompts_card(
        config,
        [row("a", "A", source="a|b\nc")],
        [],
        rows_read={"a|b\nc": 1},
        seed=0,
        compared={},
        lint=NO_FAULTS,
    ).sources.splitlines()
    assert shown[2].startswith("| a\\|b c | jsonl |")


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
        "of them with an answer" in text
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
            "opening_share 0.67 over 3 safe answers: the same three words open more of them than "
            "data.lint.max_opening_share"
        ),
    ) in (shown.limitations)
    assert (
        "(Jaccard similarity of the sets of runs of 3 words at least 0.7, linked in chains)"
        in shown.splits
    )
    assert "There are 2 such groups; the largest holds 2 of 3 rows." in shown.splits


def make_pair(number: int, demo: Demonstration, pair_type: str, **fields: object) -> Pair:
    made: dict[str, object] = {
        "id": str(number), "prompt": user("Q"), "chosen": assistant("No."),
        "rejected": assistant("Yes."), "prompt_id": demo.id,
        "pair_type": pair_type, "kind": demo.kind, "split": "train",
        "chosen_source": "demonstration", "rejected_source": "base",
        "chosen_score": 1.0, "rejected_score": 4.0, "margin": 3.0, "principle": demo.principle,
    }  # fmt: skip
    return Pair(**(made | fields))  # type: ignore[arg-type]


def test_the_card_of_pairs_counts_types_sources_origins_and_losses(row: Make) -> None:
    sources = [
        SourceConfig(name="made", format="jsonl", path="x", licence="MIT"),
        SourceConfig(name="unused", format="jsonl", path="x"),
    ]
    demos = [row("a", "A"), row("b", "B", principle=9)]
    pairs = [
        make_pair(1, demos[0], "harm"),
        make_pair(2, demos[0], "harm", split="val"),
        make_pair(
            3, demos[1], "over_refusal", chosen_source="base", rejected_source="demonstration"
        ),
    ]
    shown = pairs_card(
        DataConfig(sources=sources), pairs, demos,
        dropped={"margin below min_margin": 2, "never": 0},
        deciders=Deciders("org/model", ["refusal", "judge", "judge"]), seed=7,
    )  # fmt: skip
    require_complete(shown)
    assert shown.name == "preference pairs from made"
    assert shown.summary.startswith("3 preference pairs for 2 of 2 prompts. Built with seed 7;")
    assert "| made | MIT | 3 |" in shown.sources
    assert "scored by judge, refusal" in shown.decided[0][1]
    assert "(org/model)" in shown.written[0][1]
    assert (
        "chosen: 1 base, 2 demonstration; rejected: 2 base, 1 demonstration" in shown.written[0][1]
    )
    assert shown.left_out == (("", "2: margin below min_margin"),)
    assert (
        "| harm | 1 | 1 | 1/1 | - |\n| over_refusal | 1 | 0 | - | 1/0 |\n| all | 2 | 1 | 1/1 | 1/0 "
        "|" in shown.splits
    )


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


@pytest.mark.parametrize(
    "wrong", [{"date": "yesterday"}, {"date": "20261122"}, {"url": "example.org"}]
)
def test_what_no_reader_of_croissant_understands_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"data\.publication\."):
        PublicationConfig(**wrong)
