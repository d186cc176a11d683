"""Where the numbers come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table
from records.escaping import json_text


def build(material: Material) -> Section:
    """The section, which every report has."""
    provenance = material.results.provenance
    # Apart from the table: the resolved configuration has hundreds of leaves.
    config = (
        json_text(provenance["config"], indent=2)
        if isinstance(provenance.get("config"), dict)
        else ""
    )
    return Section(tables=[_provenance_table(provenance)], verbatim=config)


def _provenance_table(provenance: Mapping[str, Any]) -> Table:
    """One row a leaf, nested keys joined by dots; `config` is shown apart."""
    rows = []
    for key, value in _leaves(provenance):
        if not key.startswith("config."):
            rows.append([Cell(key), Cell(value)])
    return Table(["what", "value"], rows)


def _leaves(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    # An empty mapping is a leaf (`{}`), or its key would vanish from the table.
    if isinstance(value, dict) and value:
        found: list[tuple[str, str]] = []
        for key, inner in value.items():
            found.extend(_leaves(inner, f"{prefix}.{key}" if prefix else str(key)))
        return found
    return [(prefix, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))]


SECTION = Declared("provenance", 900, "Where the numbers come from", build)
