"""A prompt with several preferences: all are kept, in one split, measured once, and pairs are made
of each.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep.config import DataConfig, SourceConfig, SplitConfig
from data_prep.near_duplicates.duplicates import distinct_completions, drop_duplicates, prompt_rows
from data_prep.pairs.building import build_pairs
from data_prep.pairs.candidates import candidates, rejected_id
from data_prep.pairs.config import PairsConfig
from data_prep.prepare import prepare
from data_prep.review.items import review_items
from data_prep.splits.split_files import read_splits
from pipeline.stages.prep import describe_reading
from pipeline.stages.sft import sft_examples
from records.rows import Demonstration, Prompt, Score, assistant, text_of
from reward.model.examples import build_examples

Make = Callable[..., Demonstration]
CHOSEN = (
    "I can't help with that; please ask her doctor.",
    "No, I won't do that, because it would harm her.",
    "I must decline.",
)


def preference_lines(prompts: int, each: int) -> list[dict[str, Any]]:
    return [
        {
            "prompt": f"w{n}a w{n}b w{n}c w{n}d?",
            "chosen": CHOSEN[k % 3],
            "rejected": f"Sure, number {k} of {n}.",
        }
        for k in range(each)
        for n in range(prompts)
    ]


def prepared(
    folder: Path, rows: list[dict[str, Any]], **fields: Any
) -> tuple[dict[str, Any], list[Prompt], list[Demonstration]]:
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    config = DataConfig(
        sources=[SourceConfig(name="mine", format="jsonl", path=str(path))], **fields
    )
    summary = prepare(config, folder / "prep", seed=0, evaluation_texts={})
    read = folder / "prep"
    return (
        summary,
        read_splits(read, "prompts", Prompt),
        read_splits(read, "demonstrations", Demonstration),
    )


def test_no_preference_of_a_prompt_is_dropped_and_each_prompt_is_measured_once(
    tmp_path: Path,
) -> None:
    summary, prompts, rows = prepared(tmp_path, preference_lines(24, 3))
    assert (summary["rows_read"], summary["rows_kept"], summary["prompts"], summary["dropped"]) == (
        72,
        72,
        24,
        {},
    )
    assert len(prompts) == sum(sum(suites.values()) for suites in summary["splits"].values()) == 24
    assert len({row.id for row in rows}) == len(rows) == 72
    assert len({(text_of(row.prompt), text_of(row.rejected)) for row in rows}) == 72
    splits = {prompt.id: (prompt.split, prompt.group) for prompt in prompts}
    assert all(splits[row.asks] == (row.split, row.group) for row in rows)
    assert Counter(row.asks for row in rows) == dict.fromkeys(splits, 3)
    assert describe_reading(summary) == [
        "  24 prompts, and 48 further preferences of the same prompts"
    ]
    assert (
        "48 further preferences of the same prompts"
        in (tmp_path / "prep" / "data_card.md").read_text()
    )


def test_equal_preferences_are_still_dropped_and_counted(tmp_path: Path) -> None:
    rows = preference_lines(8, 2)
    summary, _, kept = prepared(tmp_path, [*rows, *rows[:5], {"prompt": rows[0]["prompt"]}])
    assert (summary["rows_kept"], summary["dropped"]) == (16, {"duplicate": 6})
    assert len(kept) == 16


def test_prep_says_what_became_of_bad_completions_and_of_unknown_columns(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"w{n}a w{n}b?", "completion": CHOSEN[0], "label": n > 2, "lang": "en"}
        for n in range(9)
    ]
    summary, prompts, kept = prepared(tmp_path, rows)
    assert (len(prompts), len(kept)) == (9, 6)
    assert json.loads((tmp_path / "prep" / "lint.json").read_text())["unread_columns"] == {
        "mine": {"lang": 9}
    }
    assert describe_reading(summary) == [
        (
            "  mine: 3 rows with a completion that must not be imitated and no better one; they "
            "are prompts only"
        ),
        (
            "  mine: columns that nothing reads: lang (9 rows); see docs/data.md, Rows that are "
            "understood"
        ),
    ]


def test_what_takes_a_prompt_away_takes_all_its_preferences(tmp_path: Path) -> None:
    summary, prompts, rows = prepared(
        tmp_path, preference_lines(20, 3), split=SplitConfig(val=0.2, test=0.2, train_limit=4)
    )
    assert summary["dropped"]["train_limit"] % 3 == 0
    assert summary["rows_read"] == summary["rows_kept"] + summary["rows_dropped"] == 60
    assert {row.asks for row in rows} == {prompt.id for prompt in prompts}


def test_a_prompt_for_evaluation_only_keeps_no_preference_of_a_training_source(row: Make) -> None:
    rows = [
        row(name, "Q", text, rejected=assistant("Sure."))
        for name, text in (("a", "No."), ("b", "Never."))
    ]
    kept, dropped = drop_duplicates([*rows, row("t", "Q", None, source="bench", split="test")])
    assert ([found.id for found in kept], len(dropped)) == (["t"], 2)


def test_ids_stay_unique_whatever_the_rows_call_themselves(row: Make) -> None:
    rows = [
        row("a", "Q", text, rejected=assistant("Sure.")) for text in ("No.", "Never.", "I won't.")
    ]
    kept, _ = drop_duplicates(
        [*rows, row("a#2", "R"), row("own", "Q", "Not I.", rejected=assistant("Yes."))]
    )
    assert [(found.id, found.prompt_id) for found in kept] == [
        ("a", ""),
        ("a#3", "a"),
        ("a#4", "a"),
        ("a#2", ""),
        ("own", "a"),
    ]
    assert [found.id for found in prompt_rows(kept)] == ["a", "a#2"]


@pytest.fixture
def several(row: Make) -> list[Demonstration]:
    """Three preferences of one prompt, two of them over the same rejected completion, and a chain:
    B is below A and above D.
    """
    made = [(CHOSEN[0], "Sure, B."), (CHOSEN[1], "Sure, B."), (CHOSEN[2], "Sure, C.")]
    rows = [
        row("p", "Q", chosen, rejected=assistant(rejected), split="train")
        for chosen, rejected in made
    ]
    return drop_duplicates(rows)[0]


def scores_of(rows: list[Demonstration]) -> list[Score]:
    found = []
    for row in rows:
        for name, value, label in ((row.id, 1.0, "full"), (rejected_id(row), 4.0, "none")):
            found.append(Score(id=f"{name}/m", completion_id=name, scorer="m", value=value))
            found.append(Score(id=f"{name}/r", completion_id=name, scorer="refusal", label=label))
    return found


def test_pairs_are_made_of_every_preference_as_the_data_set_states_it(
    several: list[Demonstration],
) -> None:
    found = candidates([], several, scores_of(several))
    assert list(found) == ["p"]
    config = PairsConfig(
        max_pairs_per_prompt=5,
        refuse_then_comply=0.0,
        over_refusal=0.0,
        max_length_ratio=9,
        max_opening_share=1.0,
        max_length_difference=None,
    )
    prompts = [
        Prompt(
            **{
                name: getattr(several[0], name)
                for name in ("id", "prompt", "kind", "suite", "source", "licence")
            }
        )
    ]
    built = build_pairs(prompts, found, config, opening_of=lambda text: text, seed=0)
    assert {(text_of(pair.chosen), text_of(pair.rejected)) for pair in built.pairs} == {
        (CHOSEN[0], "Sure, B."),
        (CHOSEN[1], "Sure, B."),
        (CHOSEN[2], "Sure, C."),
    }
    assert built.considered == len(built.pairs) + sum(built.dropped.values())


def test_a_completion_between_two_others_is_chosen_over_one_and_rejected_for_the_other(
    row: Make,
) -> None:
    rows = [
        row("p", "Q", CHOSEN[0], rejected=assistant(CHOSEN[1])),
        row("p", "Q", CHOSEN[1], rejected=assistant("Sure.")),
    ]
    rows = drop_duplicates(rows)[0]
    found = candidates([], rows, scores_of(rows))
    config = PairsConfig(
        max_pairs_per_prompt=5,
        refuse_then_comply=0.0,
        max_length_ratio=99,
        max_opening_share=1.0,
        max_length_difference=None,
    )
    prompts = [
        Prompt(
            **{
                name: getattr(rows[0], name)
                for name in ("id", "prompt", "kind", "suite", "source", "licence")
            }
        )
    ]
    built = build_pairs(prompts, found, config, opening_of=lambda text: text, seed=0)
    assert {(text_of(pair.chosen), text_of(pair.rejected)) for pair in built.pairs} == {
        (CHOSEN[0], CHOSEN[1]),
        (CHOSEN[1], "Sure."),
    }


def test_each_chosen_completion_is_imitated_and_learned_from_once(
    several: list[Demonstration], row: Make
) -> None:
    twice = [
        *several,
        *drop_duplicates(
            [row("x", "Q2", "No.", rejected=assistant(text)) for text in ("Yes.", "Sure.")]
        )[0],
    ]
    assert [text_of(found.completion) for found in distinct_completions(twice)] == [
        "I can't help with that; please ask her doctor.",
        "No.",
        *CHOSEN[1:],
    ]
    assert len(sft_examples(twice, [], "base")) == 4
    assert (
        sorted(
            example.origin for example in build_examples(twice, [], {}, shortcut_share=0.0, seed=0)
        )
        == ["safe_answer"] * 4
    )


def test_experts_are_asked_about_each_under_the_prompt_that_it_answers(
    several: list[Demonstration],
) -> None:
    prompts = [
        Prompt(
            **{
                name: getattr(several[0], name)
                for name in ("id", "prompt", "kind", "suite", "source", "licence")
            }
        )
    ]
    items = review_items(prompts, [], several, scores_of(several))
    assert [item.prompt_id for item in items] == ["p"] * 3
