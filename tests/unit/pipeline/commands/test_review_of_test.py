"""Completions of test prompts go to people, those on which the scorers abstain first, and what
people say of them comes back as bounds.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from reviewed_run import HARM, prompt_fields, rate, write_stage

from data_prep.pairs.expert_labels import read_labels
from eval.measured import Measured
from eval.people import corrected_by_people
from pipeline import cli
from records.json_record import plain
from records.rows import Completion, Record, Score, SuitePrompt, assistant
from reward.scorers import FACTORS, HARM_MODEL, score_with

PROMPTS = [SuitePrompt(**prompt_fields(f"t{n:02}", n, "harmful", "", "test")) for n in range(30)]


class Unsure:
    """Calls nothing harmful, and abstains on every fifth prompt: it is unsure of half of these, and
    cannot read the others.
    """

    name = FACTORS

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        return [self._one(row, int(row.prompt_id[1:])) for row in completions]

    def _one(self, row: Completion, number: int) -> Score:
        unread = Score(id=f"{row.id}/{FACTORS}", completion_id=row.id, scorer=FACTORS)
        if number % 10 == 0:
            return replace(unread, reason="another alphabet")
        uncertainty = 0.68 if number % 5 == 0 else 0.2
        return replace(unread, value=0.4, label="harmless", uncertainty=uncertainty)


def completions() -> list[Completion]:
    made = []
    for one in PROMPTS:
        for policy in ("base", "sft", "dpo"):
            made.append(
                Completion(
                    id=f"{one.id}/{policy}",
                    prompt_id=one.id,
                    prompt=one.prompt,
                    policy=policy,
                    sample=0,
                    seed=0,
                    completion=assistant(HARM.format(f"{policy} {one.id}")),
                    num_tokens=3,
                    finish_reason="stop",
                    suite="harmful",
                )
            )
    return made


def scores_of(made: Sequence[Completion]) -> list[Score]:
    found = []
    for row in made:
        found.append(Score(id=f"{row.id}/r", completion_id=row.id, scorer=HARM_MODEL, value=3.0))
    return [*found, *score_with([Unsure()], made)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of which only the evaluation is there."""
    made = completions()
    files: dict[str, Sequence[Record]] = {
        "prompts.jsonl": PROMPTS,
        "completions.jsonl": made,
        "scores.jsonl": scores_of(made),
    }
    write_stage(tmp_path / "run", "eval", files)
    config = tmp_path / "run.yaml"
    config.write_text(f"run_dir: {tmp_path / 'run'}\n")
    return config


def export(run: Path, batch: Path, *options: str) -> list[dict[str, str]]:
    """The rows that raters see."""
    asked = ["review-export", str(run), "--output", str(batch), "--of", "test", *options]
    assert cli.main(asked) == 0
    text = (batch / "batch.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def take_back(run: Path, batch: Path, rated: Path, labels: Path) -> None:
    asked = ["review-import", str(run), str(rated), "--batch", str(batch), "--output", str(labels)]
    assert cli.main(asked) == 0


def test_completions_of_test_prompts_go_out_at_random_and_come_back_as_labels_alone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No pair and no thumb is made of what the evaluation is measured by."""
    batch, labels = tmp_path / "batch", tmp_path / "labels"
    export(run, batch, "--prompts", "12", "--abstained", "0")
    rows = [json.loads(line) for line in (batch / "batch.jsonl").read_text().splitlines()]
    assert len(rows) == 24
    assert {(row["source"], row["split"], row["drawn"]) for row in rows} == {
        (p, "test", "random") for p in ("base", "dpo")
    }
    rate(batch, tmp_path / "ann.csv", "ann", lambda row: 4 if "base" in row["completion"] else 1)
    take_back(run, batch, tmp_path / "ann.csv", labels)
    assert (labels / "pairs.jsonl").read_text() == (labels / "unpaired.jsonl").read_text() == ""
    assert f"eval.expert_labels=[{labels / 'labels.jsonl'}]" in capsys.readouterr().out


def test_what_the_scorers_abstain_on_comes_first_with_the_reason(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 30 prompts six are abstained on, each for the base and for the final policy."""
    rows = export(run, tmp_path / "batch", "--prompts", "10")
    reasons = [row["abstained"] for row in rows]
    assert set(reasons[:12]) == {
        "unsure: entropy 0.68 nats, limit 0.55",
        "not read: another alphabet",
    }
    assert set(reasons[12:]) == {""}
    shown = capsys.readouterr().out
    assert "20 completions of 10 prompts, 10 of each kind wanted\n" in shown
    assert "  12 completions come first, on which the scorers abstain: " in shown
    manifest = json.loads((tmp_path / "batch" / "manifest.json").read_text())
    assert manifest["drawn"]["abstained"] == 40
    tasks = json.loads((tmp_path / "batch" / "label_studio.json").read_text())
    assert tasks[0]["data"]["abstained"]
    export(run, tmp_path / "few", "--prompts", "1", "--abstained", "2")
    assert "more are left out (--abstained)" in capsys.readouterr().out


def test_the_random_part_is_the_same_with_and_without_them(run: Path, tmp_path: Path) -> None:
    drawn = {}
    for most in ("0", "40"):
        export(run, tmp_path / most, "--prompts", "10", "--abstained", most)
        rows = [json.loads(x) for x in (tmp_path / most / "batch.jsonl").read_text().splitlines()]
        drawn[most] = {row["id"] for row in rows if row["drawn"] == "random"}
    assert len(drawn["0"]) == 20
    assert drawn["0"] == drawn["40"]


def test_ratings_of_them_take_the_place_of_the_abstentions_in_the_bounds(
    run: Path, tmp_path: Path
) -> None:
    """Six of 30 completions of each policy are abstained on: people call the base's six harmful
    and none of the final policy's.
    """
    batch, labels = tmp_path / "batch", tmp_path / "labels"
    export(run, batch, "--prompts", "1")
    rate(batch, tmp_path / "ann.csv", "ann", lambda row: 4 if "base" in row["completion"] else 1)
    take_back(run, batch, tmp_path / "ann.csv", labels)
    made = completions()
    by_completion: dict[str, dict[str, Score]] = {row.id: {} for row in made}
    for score in scores_of(made):
        by_completion[score.completion_id][score.scorer] = score
    prompts = {one.id: one for one in PROMPTS}
    measured = []
    for row in made:
        measured.append(
            Measured(prompt=prompts[row.prompt_id], completion=row, scores=by_completion[row.id])
        )
    found = corrected_by_people(measured, read_labels([str(labels / "labels.jsonl")]), "base", 0.95)
    assert found
    ends = {}
    for policy, suites in plain(found.abstentions).items():
        one = suites["harmful"]
        ends[policy] = [one["read"], one["abstained"]["mean"]]
        ends[policy] += [one[f"called_harmful_at_{end}"]["mean"] for end in ("least", "most")]
    assert ends == {"base": [6, 0.0, 0.2, 0.2], "dpo": [6, 0.0, 0.0, 0.0]}
