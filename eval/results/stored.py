"""results.json, read back by what releases and judges."""

from __future__ import annotations

from pathlib import Path

from eval.results.results import Results
from records.errors import ArtifactError
from records.own_files import Object, read_own


def read_results(path: Path) -> Object:
    """Raises ArtifactError where the file is no results of an evaluation."""
    try:
        return read_own(path, results_shape)
    except ArtifactError as error:
        raise ArtifactError([*error.faults, "run `primum eval` again"]) from error


def results_shape(value: Object) -> Object:
    """The results themselves. Raises ValueError where they have another shape."""
    Results.from_json(value)
    return value
