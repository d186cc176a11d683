"""results.json, read back by what releases and judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.capability.stored import require_capability
from eval.endpoint import Endpoint
from eval.selection import Selection
from eval.tamper.stored import require_tamper
from records.errors import ArtifactError
from records.own_files import Object, entry, object_of, read_own


def read_results(path: Path) -> Object:
    """Raises ArtifactError where the file is no results of an evaluation."""
    try:
        return read_own(path, results_shape)
    except ArtifactError as error:
        raise ArtifactError([*error.faults, "run `primum eval` again"]) from error


def results_shape(value: Object) -> Object:
    """The results themselves. Raises ValueError where they have another shape."""
    entry(value, "schema_version", int)
    entry(value, "confidence", float)
    entry(value, "baseline", str)
    entry(value, "verdict", str, optional=True)
    Endpoint.of(value)
    for name in ("comparisons", "scoreboard", "suites_absent"):
        for row in entry(value, name, list, optional=name == "suites_absent") or ():
            if not isinstance(row, dict):
                raise ValueError(f"{name}: wanted objects, got {row!a}")
    for name in ("validation", "provenance"):
        entry(value, name, dict)
    require_capability(entry(value, "capability", dict, optional=True))
    require_tamper(entry(value, "tamper", dict, optional=True))
    policies = entry(value, "policies", dict)
    for name, policy in policies.items():
        if not isinstance(policy, dict) or not isinstance(policy.get("suites"), dict):
            raise ValueError(f"policies: {name}: wanted an object with suites")
        if policy.get("selection") is not None:
            _require_selection(name, policy["selection"])
    return value


def _require_selection(policy: str, value: Any) -> None:
    try:
        Selection.from_json(object_of(value))
    except ValueError as error:
        raise ValueError(f"policies: {policy}: selection: {error}") from error
