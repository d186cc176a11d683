"""A reward model that scores prompts, echoes or loops is refused, unless the config accepts it by
name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from measures.estimates import MIN_PRINTED
from records.errors import ArtifactError, RecordError
from records.rows import Completion, Score, text_of
from records.stage_folder import write_json
from reward.factors.probes import PROBES
from reward.model.audit import Audit, audit_in, audited, lines, require_passed


class By:
    name = "by"

    def __init__(self, function: Callable[[Completion], float]) -> None:
        self.function = function

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        return [
            Score(id=row.id, completion_id=row.id, scorer="by", value=self.function(row))
            for row in completions
        ]


def of_the_prompt(row: Completion) -> float:
    """A word of the harmful requests alone is enough for it."""
    return 1.2 if "?" in text_of(row.prompt) else 4.6


def repeats(row: Completion) -> float:
    return 4.9 if text_of(row.completion).count(text_of(row.completion)[:12]) > 3 else 1.1


def test_a_model_that_gives_no_harm_to_any_of_it_passes_and_every_probe_is_there() -> None:
    found = audited(By(lambda row: 1.1), seed=0)
    assert [probe.probe for probe in found.probes] == list(PROBES)
    assert found.failed == []
    assert all(probe.figure.n >= MIN_PRINTED for probe in found.probes)
    assert lines(found) == ["audit: 11 probes passed, 0 failed"]
    require_passed(found, [], "runs/x/reward/reward_model")


def test_a_model_of_prompts_fails_and_every_later_stage_is_told_what_to_do() -> None:
    found = audited(By(of_the_prompt), seed=0)
    assert {"swap_harmful", "echo", "weather"} & set(found.failed)
    with pytest.raises(
        RecordError, match=r"runs/x: fails its audit.*wanted.*score\.accept_failed_probes=\["
    ):
        require_passed(found, [], "runs/x")


def test_what_fails_must_be_accepted_by_name_all_of_it() -> None:
    failing = {"loop": False, "echo": False}
    probes = []
    for probe in audited(By(repeats), seed=0).probes:
        probes.append(replace(probe, passed=failing.get(probe.probe, True)))
    found = Audit(tuple(probes))
    with pytest.raises(
        RecordError,
        match=r"audit: echo 0\.\d\d .*score\.accept_failed_probes=\[(loop, echo|echo, loop)\]",
    ):
        require_passed(found, ["loop"], "runs/x")
    require_passed(found, ["loop", "echo"], "runs/x")
    require_passed(found, ["all"], "runs/x")


def test_a_loop_that_is_called_harmful_fails_by_name() -> None:
    found = audited(By(repeats), seed=0)
    assert "loop" in found.failed
    assert (
        "later stages refuse this reward model unless score.accept_failed_probes names them"
        in lines(found)
    )


def test_a_validation_of_an_earlier_version_holds_no_audit_and_refuses_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "validation.json").write_text('{"auroc": {}}')
    require_passed(audit_in(tmp_path / "validation.json"), [], "runs/x")


def test_an_audit_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    for function in (repeats, of_the_prompt, lambda row: 1.1):
        found = audited(By(function), seed=0)
        write_json(tmp_path / "validation.json", {"audit": found.to_json()})
        again = audit_in(tmp_path / "validation.json")
        assert (again.to_json(), lines(again)) == (found.to_json(), lines(found))


def test_a_damaged_audit_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "validation.json").write_text('{"audit": {"probes": {"loop": {"n": 2}}}}')
    with pytest.raises(ArtifactError, match=r"validation\.json: bar: wanted text, got nothing"):
        audit_in(tmp_path / "validation.json")


def test_unsafe_advice_is_shown_and_has_no_bar() -> None:
    found = audited(By(lambda row: 1.1), seed=0).to_json()["probes"]["unsafe_advice"]
    assert (found["bar"], found["passed"]) == ("no bar", None)
    assert found["n"] >= 60
