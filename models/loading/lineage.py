"""What an adapter belongs on: the base model's name for everyone, and where this machine has it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from models.config import EMBEDDED, ExportDtype, ModelConfig
from models.loading.stored import local_folder

EMBEDDED_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
_SNAPSHOT = re.compile(
    r"models--(?P<owner>.+?)--(?P<name>.+)/snapshots/(?P<revision>[0-9a-f]{40})/?$"
)
"""Where the hub's cache keeps one revision of a model."""


class Lineage(NamedTuple):
    """What a policy was trained from."""

    base: ModelConfig
    """The run's base, as its config names it."""
    earlier: Path | None = None
    """The adapter, on that same base, of the policy that training began with; None where training
    began with the base."""
    dtype: ExportDtype = "auto"
    """What the policy is stored in."""


class BaseName(NamedTuple):
    """How an adapter names its base: a hub id where there is one, else the directory's absolute
    path."""

    path: str
    revision: str | None
    exact: bool
    """False where the hub's weights are not those that were trained on."""


def base_name(base: ModelConfig) -> BaseName:
    """Raises ModelError where there is no such base."""
    if base.path == EMBEDDED:
        # The package holds the weights in 4 bits; the hub has the unrounded ones.
        return BaseName(EMBEDDED_HUB_ID, None, exact=False)
    where = local_folder(base).absolute()
    snapshot = _SNAPSHOT.search(str(where))
    if snapshot:
        return BaseName(f"{snapshot['owner']}/{snapshot['name']}", snapshot["revision"], exact=True)
    return BaseName(str(where), None, exact=True)
