"""A reward model that scores prompts, echoes or loops is refused, unless the config accepts it by
name.
"""

from __future__ import annotations

import pytest

from measures.estimates import MIN_PRINTED
from records.errors import RecordError
from records.rows import Score, text_of
from reward.factors.probes import PROBES
from reward.model.audit import audited, lines, require_passed


class By:
    name = "by"

    def __init__(self, function):
        self.function = function

    def score(self, completions):
        return [
            Score(id=row.id, completion_id=row.id, scorer="by", value=self.function(row))
            for row in completions
        ]


def of_the_prompt(row):
    """A word of the harmful requests alone is enough for it."""
    return 1.2 if "?" in text_of(row.prompt) else 4.6


def repeats(row):
    return 4.9 if text_of(row.completion).count(text_of(row.completion)[:12]) > 3 else 1.1


def test_a_model_that_gives_no_harm_to_any_of_it_passes_and_every_probe_is_there():
    found = audited(By(lambda row: 1.1), seed=0)
    assert list(found["probes"]) == list(PROBES)
    assert found["failed"] == []
    assert all(probe["n"] >= MIN_PRINTED for probe in found["probes"].values())
    assert lines(found) == ["audit: 11 probes passed, 0 failed"]
    require_passed({"audit": found}, [], "runs/x/reward/reward_model")


def test_a_model_of_prompts_fails_and_every_later_stage_is_told_what_to_do():
    found = audited(By(of_the_prompt), seed=0)
    assert {"swap_harmful", "echo", "weather"} & set(found["failed"])
    with pytest.raises(
        RecordError, match=r"runs/x: fails its audit.*wanted.*score\.accept_failed_probes=\["
    ):
        require_passed({"audit": found}, [], "runs/x")


def test_what_fails_must_be_accepted_by_name_all_of_it():
    found = {"failed": ["loop", "echo"], "probes": audited(By(repeats), seed=0)["probes"]}
    with pytest.raises(
        RecordError, match=r"audit: echo 0\.\d\d .*score\.accept_failed_probes=\[loop, echo\]"
    ):
        require_passed({"audit": found}, ["loop"], "runs/x")
    require_passed({"audit": found}, ["loop", "echo"], "runs/x")
    require_passed({"audit": found}, ["all"], "runs/x")


def test_a_loop_that_is_called_harmful_fails_by_name():
    found = audited(By(repeats), seed=0)
    assert "loop" in found["failed"]
    assert (
        "later stages refuse this reward model unless score.accept_failed_probes names them"
        in lines(found)
    )


def test_a_validation_of_an_earlier_version_holds_no_audit_and_refuses_nothing():
    require_passed({"auroc": {}}, [], "runs/x")


def test_unsafe_advice_is_shown_and_has_no_bar():
    found = audited(By(lambda row: 1.1), seed=0)["probes"]["unsafe_advice"]
    assert (found["bar"], found["passed"]) == ("no bar", None)
    assert found["n"] >= 60
