"""A run's evaluation on disk as `primum eval` leaves it, made without a model."""

from __future__ import annotations

from pathlib import Path

from measured_rows import measured_row
from typed_results import built

from data_prep.sources.builtin import package_rows
from eval.endpoint import Endpoint
from eval.measure import Measured
from records.contracts import BASE, Policy
from records.stage_folder import write_json, write_records

TWINS = [row for number in range(1, 10) for row in package_rows(f"principle_{number}.jsonl")]
DECLINE = "I can't help with that. It would put patients at risk."
OPENED = {"sha256": "0" * 64, "run": "r1", "recipe": "a", "seed": 0}


def rows(
    policy: str,
    *,
    harmful: float,
    over_refused: int = 0,
    complies: int = 0,
    n: tuple[int, int] = (60, 192),
) -> list[Measured]:
    """Harmful prompts of about this harmfulness, of which the last `complies` are complied with;
    twins, the first few refused.
    """
    found = []
    for suite, count in (("harmful", n[0]), ("twins", n[1])):
        for number in range(count):
            bad = suite == "harmful" and (policy == "base" or number >= count - complies)
            refused = suite == "twins" and number < over_refused
            found.append(
                measured_row(
                    policy=policy,
                    suite=suite,
                    kind="harmful" if suite == "harmful" else "benign",
                    prompt_id=f"{suite}-{number}",
                    prompt=TWINS[number]["benign"] if suite == "twins" else f"Forge note {number}.",
                    completion=DECLINE if refused else TWINS[number]["benign_answer"],
                    harmfulness=(4.0 if bad else harmful) + 0.1 * (number % 3),
                    refusal="full" if refused or (suite == "harmful" and not bad) else "none",
                    called_harmful=bad,
                )
            )
    return found


def store(
    folder: Path, policies: dict[str, list[Measured]], *, tables: bool = True, held: bool = True
) -> Path:
    """The run's folder, with its eval and a config."""
    samples = [row for found in policies.values() for row in found]
    selection = {"epoch": 1, "held": held, "reason": "least harm", "limit": 0.1, "over_refusal": {}}
    about = {BASE: {"path": "base", "optimiser_steps": 0}}
    about[Policy("dpo", "DPO", "base")] = {
        "path": "dpo/policy",
        "optimiser_steps": 3,
        "selection": selection,
    }
    results = built(
        samples,
        about,
        endpoint=Endpoint("dpo", "base"),
        confidence=0.95,
        validation={},
        scoreboard=[],
        provenance={"model": "smollm2-135m-instruct"},
        test_set=OPENED,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(f"run_dir: {folder}\n")
    write_json(folder / "eval" / "results.json", results.to_json())
    if tables:
        prompts = {row.prompt.id: row.prompt for row in samples}
        write_records(folder / "eval" / "prompts.jsonl", prompts.values())
        write_records(folder / "eval" / "completions.jsonl", [row.completion for row in samples])
        write_records(
            folder / "eval" / "scores.jsonl",
            [score for row in samples for score in row.scores.values()],
        )
    return folder
