"""results.json, read back by what releases and judges."""

from __future__ import annotations

from pathlib import Path

from eval.results.results import Results
from eval.results.validation import ScorerCheck
from records.errors import ArtifactError
from records.own_files import read_own


def read_results(path: Path) -> Results:
    """Raises ArtifactError where the file is no results of an evaluation."""
    try:
        return read_own(path, Results.from_json)
    # With its remedy: results are made of stored scores, so that making them again is cheap.
    except ArtifactError as error:
        raise _again("eval", error) from error


def read_validation(path: Path) -> ScorerCheck:
    """validation.json of a reward model. Raises ArtifactError where it is none."""
    try:
        return read_own(path, ScorerCheck.from_json)
    except ArtifactError as error:
        raise _again("reward", error) from error


def _again(stage: str, error: ArtifactError) -> ArtifactError:
    """The same, each fault with what to do."""
    return ArtifactError([f"{fault}; run `primum {stage}` again" for fault in error.faults])
