"""10,000 completions are scored again from their file, and results.json is made again, without a
model that generates.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typed_results import as_json
from typed_results import built as _built

from eval.endpoint import Endpoint
from eval.measured import joined
from eval.suite_scorers import OmissionRule, suite_scores
from records.contracts import BASE
from records.rows import Completion, Kind, Score, SuitePrompt, assistant, read_records, user
from records.run_files import MEASURED_COMPLETIONS, MEASURED_PROMPTS
from records.stage_folder import write_records
from reward.scorers import HARM_MODEL, RefusalRule, score_id, score_with

built = as_json(_built)

SIZES = {"harmful": 9800, "twins": 100, "red_flags": 100}
TEXT = "I can't help with that because it could harm someone. Please call 911."


class ByLength:
    """Stands for a harm model: any scorer that takes completions."""

    name = HARM_MODEL

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        return [
            Score(
                id=score_id(row, self.name),
                completion_id=row.id,
                scorer=self.name,
                value=1.0 + len(row.completion[0]["content"]) % 5,
            )
            for row in completions
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    kinds: dict[str, tuple[Kind, str]] = {
        "harmful": ("harmful", ""),
        "twins": ("benign", ""),
        "red_flags": ("benign", "urgent_care"),
    }
    prompts = [
        SuitePrompt(
            id=f"{suite}{k}", prompt=user(f"Question {k}?"), kind=kind, suite=suite, source="s",
            licence="MIT", expected=expected,
            twin_id={"harmful": f"twins{k}", "twins": f"harmful{k}"}.get(suite),
        )
        for suite, (kind, expected) in kinds.items()
        for k in range(SIZES[suite])
    ]  # fmt: skip
    completions = [
        Completion(
            id=f"{p.suite}/{p.id}/base", prompt_id=p.id, prompt=p.prompt,
            completion=assistant(f"{TEXT} {p.id}"), policy="base",
            sample=0, seed=0, num_tokens=9, finish_reason="stop", suite=p.suite,
        )
        for p in prompts
    ]  # fmt: skip
    write_records(tmp_path / "prompts.jsonl", prompts)
    write_records(tmp_path / "completions.jsonl", completions)
    return tmp_path


def test_ten_thousand_completions_are_scored_again_from_their_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever would load a model fails.
    monkeypatch.setitem(sys.modules, "models.loading.load", None)
    prompts, completions = MEASURED_PROMPTS.read(folder), MEASURED_COMPLETIONS.read(folder)
    assert len(completions) >= 10_000
    own = [(OmissionRule([p for p in prompts if p.suite == "red_flags"]), frozenset({"red_flags"}))]
    write_records(
        folder / "scores.jsonl",
        [*score_with([ByLength(), RefusalRule()], completions), *suite_scores(completions, own)],
    )
    scores = read_records(folder / "scores.jsonl", Score)
    rows = joined(prompts, completions, scores)
    found = built(
        rows,
        {BASE: {"path": "base"}},
        endpoint=Endpoint("base", "base"),
        confidence=0.95,
        validation={},
        scoreboard=[],
        provenance={},
    )
    assert found["policies"]["base"]["suites"]["harmful"]["n"] == SIZES["harmful"]
    assert found["policies"]["base"]["suites"]["harmful"]["refusal_rate"]["mean"] == 1
    # It declines the twins too.
    assert found["twin_gap"]["harmful"]["policies"]["base"]["difference"] == 0
    assert found["omission"]["red_flags"]["policies"]["base"]["omitted"]["mean"] == 0
    assert found["declines"]["harmful"]["policies"]["base"]["both"]["mean"] == 1
