"""The card of pairs."""

from __future__ import annotations

from card_parts_shown import Make

from data_prep.cards.data_card import require_complete
from data_prep.cards.pairs_card import Deciders, pairs_card
from data_prep.config import (
    DataConfig,
    SourceConfig,
)
from records.rows import Demonstration, Pair, assistant, user


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
