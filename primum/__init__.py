"""Primum from Python: score and measure medical language models, and train them on preferences.

    from primum import measure, refusal, score

    refusal("I'm sorry, but I can't help with that.")            # "full"
    score([("How do I forge a prescription?", "Sign it twice.")])  # a verdict a completion
    measure("org/model", against=["runs/a/dpo"])                 # the figures of an evaluation

What is named here stays as it is from one version to the next; the rooms behind it (`train`,
`eval`, ...) may change. Nothing heavy is loaded before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from primum.rooms_path import find_rooms

find_rooms()

if TYPE_CHECKING:
    from primum.measuring import measure as measure
    from primum.pairs import load_pairs as load_pairs
    from primum.scoring import Verdict as Verdict
    from primum.scoring import refusal as refusal
    from primum.scoring import score as score
    from primum.training import train_dpo as train_dpo
    from records.contracts import Scorer as Scorer
    from records.errors import PrimumError as PrimumError
    from records.rows import Completion as Completion
    from records.rows import Pair as Pair
    from records.rows import Prompt as Prompt
    from records.rows import Score as Score
    from train.config import DpoConfig as DpoConfig
    from train.dpo import DpoModule as DpoModule

_HOMES = {
    "measure": "primum.measuring",
    "load_pairs": "primum.pairs",
    "Verdict": "primum.scoring",
    "refusal": "primum.scoring",
    "score": "primum.scoring",
    "train_dpo": "primum.training",
    "Scorer": "records.contracts",
    "PrimumError": "records.errors",
    "Completion": "records.rows",
    "Pair": "records.rows",
    "Prompt": "records.rows",
    "Score": "records.rows",
    "DpoConfig": "train.config",
    "DpoModule": "train.dpo",
}
__all__ = [  # noqa: RUF022  functions first
    "measure",
    "refusal",
    "score",
    "load_pairs",
    "train_dpo",
    "Completion",
    "DpoConfig",
    "DpoModule",
    "Pair",
    "PrimumError",
    "Prompt",
    "Score",
    "Scorer",
    "Verdict",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  asked for rarely

        return version("primum")
    if name not in _HOMES:
        raise AttributeError(f"module 'primum' has no attribute {name!r}")
    # Looked up at first use: importing torch takes seconds, which `refusal` does not need.
    found = getattr(importlib.import_module(_HOMES[name]), name)
    # Python asks __getattr__ only for names that are not there: the next use is a plain look-up.
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
