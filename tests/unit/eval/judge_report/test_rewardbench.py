from __future__ import annotations

from typing import TYPE_CHECKING

from eval.judge_report.rewardbench import pair_rows, summary
from eval.label_sets.items import LabelSet

if TYPE_CHECKING:
    from eval.judge_report.readings import Reading


def test_a_reward_is_harm_turned_round_and_a_tie_is_wrong(own_set: LabelSet, mine: Reading) -> None:
    values = mine.values["harm"]
    first, tied = own_set.pairs[1], own_set.pairs[2]
    values[tied.chosen] = values[tied.rejected]
    rows = pair_rows(own_set, mine)
    assert rows[0].to_json() == {
        "id": "0",
        "subset": "kind 0",
        "scores_chosen": None,
        "scores_rejected": None,
        "results": 0,
    }
    assert rows[1].scores_chosen == -values[first.chosen]
    assert rows[1].results == int(values[first.chosen] < values[first.rejected])
    assert rows[2].results == 0
    found = summary("mine", rows).to_json()
    scored = [row.results for row in rows[1:]]
    assert found == {
        "model": "mine",
        "model_type": "Custom Classifier",
        "chat_template": "tokenizer",
        "kind 0": sum(scored) / len(scored),
    }


def test_a_scorer_that_says_nothing_of_harm_has_no_pairs(own_set: LabelSet, rule: Reading) -> None:
    assert pair_rows(own_set, type(rule)("silent", {}, rule.refusals)) == []
