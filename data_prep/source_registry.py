"""The sources by the name that a config gives them as `format`, each with its declaration.

This module loads no reader: a config is checked by the declarations that it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data_prep.source_kind import SourceKind

SOURCES = {
    "builtin": "data_prep.sources.builtin.SOURCE",
    "builtin_evaluation": "data_prep.sources.builtin_evaluation.SOURCE",
    "medsafetybench": "data_prep.sources.medsafetybench.SOURCE",
    "safety_tuned_llamas": "data_prep.sources.safety_tuned_llamas.SOURCE",
    "hh_rlhf": "data_prep.sources.hh_rlhf.SOURCE",
    "medquad": "data_prep.sources.medquad.SOURCE",
    "kqa": "data_prep.sources.kqa.SOURCE",
    "xstest": "data_prep.sources.xstest.SOURCE",
    "pubmedqa": "data_prep.sources.pubmedqa.SOURCE",
    "instruction_json": "data_prep.sources.instruction_json.SOURCE",
    "jsonl": "data_prep.sources.jsonl.SOURCE",
    "hub": "data_prep.sources.hub.SOURCE",
}


def source_kind(name: str) -> SourceKind:
    """The declaration of a source, from its module."""
    # Imported by name when it is asked for: readers bring pyarrow, datasets and XML parsers with
    # them.
    module, _, attribute = SOURCES[name].rpartition(".")
    found: SourceKind = getattr(import_module(module), attribute)
    return found
