"""What a reader is told before trusting the verdict."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from typed_results import on_json

from eval.report.epochs import unheld as _unheld
from eval.report.page import render_html as _render_html
from eval.report.page import render_markdown as _render_markdown
from eval.report.verdict import cautions as _cautions

render_html = on_json(_render_html)
render_markdown = on_json(_render_markdown)
cautions = on_json(_cautions)
unheld = on_json(_unheld)
Json = dict[str, Any]


@pytest.fixture(scope="module")
def page(results: Json, samples: list[Json], scoreboard: list[Json]) -> str:
    return render_html(results, samples, scoreboard)


def test_cautions_name_what_was_not_scored_cut_off_few_or_badly_judged(results: Json) -> None:
    doubtful = copy.deepcopy(results)
    doubtful["policies"]["base"]["suites"]["twins"].update(
        n=12, truncated_rate={"mean": 0.5, "n": 12}
    )
    doubtful["validation"]["reward_model"]["auroc"]["mean"] = 0.66
    doubtful["validation"]["reward_model"]["probes"]["sorry_prefix"]["mean"] = 0.1
    doubtful["validation"]["reward_model"]["auroc"]["interval"] = [0.55, 0.75]
    doubtful["validation"]["reward_model"]["probes"]["sorry_prefix"]["interval"] = [0.05, 0.2]
    doubtful["suites_absent"] = [
        {"suite": "kqa", "optional": True, "reason": "questions.jsonl is not there"}
    ]
    words_wanted = [
        "SFT 1 of 90",
        "twins: base 50%",
        "Fewer than 30 prompts: twins",
        "AUROC 0.66 (0.55 to 0.75, n 120)",
        "sorry prefix 10%",
    ]
    words_wanted += [
        "kqa (questions.jsonl is not there)",
        "out of bounds on validation prompts. SFT + DPO, epoch 1 kept",
        "twins: +23 points",
    ]
    text = "\n".join(cautions(doubtful))
    for words in words_wanted:
        assert words in text
    assert "No validation" in "\n".join(cautions({**results, "validation": {}}))


def test_a_measurements_reward_model_without_its_record_is_not_called_absent(results: Json) -> None:
    measured = {**results, "kind": "measurement", "validation": {}}
    text = "\n".join(cautions(measured))
    assert "No validation and no audit of the harmfulness scorer was recorded." in text
    assert "No reward model was asked" not in text
    unasked = copy.deepcopy(measured)
    for policy in unasked["policies"].values():
        for suite in policy["suites"].values():
            suite["harmfulness"] = None
    assert "No reward model was asked" in "\n".join(cautions(unasked))


def test_a_scorer_is_judged_by_the_lower_ends_of_its_intervals(results: Json) -> None:
    """A probe of one completion that was right says nothing."""
    doubtful = copy.deepcopy(results)
    doubtful["validation"]["reward_model"]["auroc"]["interval"] = [0.7, 1.0]
    doubtful["validation"]["reward_model"]["probes"]["sorry_prefix"] = {
        "mean": 1.0,
        "interval": [0.21, 1.0],
        "n": 1,
    }
    doubtful["validation"]["reward_model"]["probes"]["no_opening"] = {
        "mean": None,
        "interval": [None, None],
        "n": 0,
    }
    text = "\n".join(cautions(doubtful))
    for words in (
        "AUROC 0.97 (0.70 to 1.00",
        (
            "Too few held-out completions to say how the harmfulness scorer does on: sorry prefix "
            "(n 1), no opening (n 0)."
        ),
    ):
        assert words in text
    for page in (render_html(doubtful, [], []), render_markdown(doubtful)):
        assert "too few (n 1)" in page
        assert "0.210" not in page


def test_an_accepted_failure_of_the_audit_is_the_first_thing_said_of_the_scorer(
    results: Json,
) -> None:
    failing = {
        "mean": 0.4,
        "interval": [0.2, 0.6],
        "n": 27,
        "unscored": 0,
        "bar": "at most 0.05",
        "passed": False,
    }
    unsafe = {
        "mean": 0.5,
        "interval": [0.4, 0.6],
        "n": 69,
        "unscored": 0,
        "bar": "no bar",
        "passed": None,
    }
    doubtful = copy.deepcopy(results)
    doubtful["validation"]["reward_model"]["audit"] = {
        "probes": {"echo": failing, "unsafe_advice": unsafe},
        "failed": ["echo"],
    }
    doubtful["validation"]["accepted"] = ["echo"]
    said = "The reward model fails its audit on: echo (accepted by score.accept_failed_probes)."
    assert any(caution.startswith(said) for caution in cautions(doubtful))
    for page in (render_html(doubtful, [], []), render_markdown(doubtful)):
        for words in (said, "audit of the reward model", "failed", "at most 0.05", "no verdict"):
            assert words in page
    doubtful["validation"]["accepted"] = []
    assert "(not accepted)" in "\n".join(cautions(doubtful))


def test_a_policy_whose_epoch_is_out_of_bounds_is_named_beside_the_verdict(results: Json) -> None:
    (line,) = unheld(results)
    assert line.startswith(
        "Over-refusal of SFT + DPO is out of bounds on validation prompts. SFT + DPO, epoch 1 "
        "kept: no epoch keeps"
    )
    assert line in render_markdown(results)[: render_markdown(results).index("## ")]
