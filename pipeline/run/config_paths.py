"""Settings that name files: `~` and `$NAME` in them mean what they mean in a shell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from omegaconf import OmegaConf

PATHS = (
    "run_dir",
    "model.base.path",
    "model.base.chat_template",
    "model.vllm.python",
    "data.sources.*.path",
    "data.embedding.model",
    "score.reward_models.*",
    "pairs.expert_labels.*",
    "eval.suites.*.path",
    "trainer.offload_path",
)
"""Every setting that may name a file or a directory; `*` stands for each entry of a list."""
_VARIABLE = re.compile(r"\$(\w+)")


def expand_paths(settings: Any) -> list[str]:
    """Replace `~`, `~user` and `$NAME` at their places in an OmegaConf tree; returns what could not be replaced.

    Left as it is, such a path would name a folder called `~` or `$SCRATCH` below the current one.
    """
    faults = []
    for name in PATHS:
        for key in _places(settings, name.split("."), ""):
            written = OmegaConf.select(settings, key, throw_on_resolution_failure=False)
            if not isinstance(written, str) or not (written.startswith("~") or "$" in written):
                continue
            try:
                OmegaConf.update(settings, key, expanded(written))
            except ValueError as error:
                faults.append(f"{key}={written}: {error}")
    return faults


def expanded(path: str) -> str:
    """The path with its home and its variables put in. Raises ValueError where there is no such home or variable."""
    whole = os.path.expanduser(os.path.expandvars(path))
    if whole.startswith("~"):
        raise ValueError(f"no home directory of {whole.split('/')[0]!r} is known here; write the whole path, or ./{path} for a folder")
    missing = _VARIABLE.search(whole)
    if missing:
        raise ValueError(f"the environment has no variable {missing[1]}; export it, or write the whole path")
    return whole


def _places(node: Any, parts: list[str], prefix: str) -> Iterator[str]:
    if not parts:
        yield prefix.removesuffix(".")
        return
    part, *rest = parts
    if not OmegaConf.is_config(node):
        return
    names = [str(number) for number in range(len(node))] if part == "*" and OmegaConf.is_list(node) else [part]
    for name in names:
        inner = OmegaConf.select(node, name, throw_on_resolution_failure=False)
        if inner is not None:
            yield from _places(inner, rest, f"{prefix}{name}.")
