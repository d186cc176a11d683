"""An evaluation that lies in a folder: its results, and what every policy wrote.

Read without a model and without torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from eval.measured import Measured, joined
from eval.results.results import Results
from eval.results.stored import read_results
from records.errors import ArtifactError
from records.rows import Completion
from records.run_files import MEASURED_COMPLETIONS, MEASURED_PROMPTS, MEASURED_SCORES, RESULTS

TABLES = (MEASURED_PROMPTS, MEASURED_COMPLETIONS, MEASURED_SCORES)


@dataclass(frozen=True)
class StoredEvaluation:
    """Results, and the folder that they lie in."""

    path: Path
    """Of results.json."""
    results: Results = field(repr=False)

    @classmethod
    def of(cls, given: Path) -> StoredEvaluation:
        """Of a run, a released folder or a results.json.

        Raises ArtifactError where none of them is there.
        """
        path = results_file(given)
        return cls(path, read_results(path))

    @property
    def name(self) -> str:
        """What people call it: the run's folder."""
        folder = self.path.resolve().parent
        known = self.results.provenance.get("run")
        # Results of earlier versions name no run; the folder's name stands in.
        return str(
            known
            or (folder.parent.name if folder.name in (RESULTS.stage, "evidence") else folder.name)
        )

    @cached_property
    def rows(self) -> list[Measured]:
        """Every completion with its prompt and scores, policy by policy; none where the figures
        alone are there.
        """
        folder = self.path.parent
        if not all(path.is_file() for table in TABLES for path in table.paths(folder)):
            return []
        prompts = {}
        for prompt in MEASURED_PROMPTS.read(folder):
            prompts[(prompt.suite, prompt.id)] = prompt
        made: list[Completion] = MEASURED_COMPLETIONS.read(folder)
        lost = sum((row.suite, row.prompt_id) not in prompts for row in made)
        if lost:
            raise ArtifactError(
                f"{folder}: {lost} of {len(made)} completions are to no prompt of prompts.jsonl; "
                "run eval again"
            )
        return joined(
            [prompts[row.suite, row.prompt_id] for row in made], made, MEASURED_SCORES.read(folder)
        )


def results_file(given: Path) -> Path:
    """Where the results of a run, a released folder, or of a file that is named itself lie.

    Raises ArtifactError where nowhere.
    """
    if not given.exists():
        raise ArtifactError(
            f"{given}: no such file or directory; name a run whose eval is done, a released "
            "folder, or a results.json"
        )
    if not given.is_dir():
        if given.suffix != ".json":
            what = (
                "a config and no results; name its run, the folder that its run_dir says"
                if given.suffix in (".yaml", ".yml")
                else "no results.json; name one, or a run whose eval is done (`primum measure` "
                "takes files of completions)"
            )
            raise ArtifactError(f"{given}: {what}")
        return given
    # A run's folder, an eval stage's folder or a measurement's, and a release's.
    places = (
        given / RESULTS.stage / RESULTS.name,
        given / RESULTS.name,
        given / "evidence" / RESULTS.name,
    )
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        # The stage that released it: the folder lies in it under the model's name.
        released = list(given.glob(f"*/evidence/{RESULTS.name}"))
        found = released[0] if len(released) == 1 else None
    if found is None:
        looked = ", ".join(str(place.relative_to(given)) for place in places)
        raise ArtifactError(
            f"{given}: holds no results of an evaluation (looked for {looked}); "
            "name a run whose eval is done, a released folder, or a results.json"
        )
    return found
