"""Settings that name files: `~` and `$NAME` in them mean what they mean in a shell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from omegaconf import OmegaConf

from pipeline.run.settings_bounds import odd_characters, shown

PATHS = (
    "run_dir",
    "model.base.path",
    "model.base.chat_template",
    "model.vllm.python",
    "data.sources.*.path",
    "data.embedding.model",
    "score.reward_models.*",
    "pairs.expert_labels.*",
    "dpo.unpaired.*",
    "reward.people.*",
    "eval.suites.*.path",
    "eval.expert_labels.*",
    "eval.judges.*",
    "eval.capability.tasks.*.path",
    "eval.tamper.medquad_path",
    "eval.suites.*.suite",
    "eval.conditions.*.name",
    "eval.conditions.*.path",
    "trainer.offload_path",
)
"""Every setting that may name a file or a directory; `*` stands for each entry of a list."""
MOST_NAME = 255
"""Bytes of one name in a path."""
MOST_PATH = 3800
"""Bytes of a whole path: Linux takes 4095, and files in folders of it need some."""
_NAMED = re.compile(r"\$\{?(\w+)")
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|_KEY$|^KEY$", re.I)
"""Names of variables whose value nobody may publish."""
_VARIABLE = re.compile(r"\$(\w+)")


def expand_paths(settings: Any) -> list[str]:
    """Replace `~`, `~user` and `$NAME` at their places in an OmegaConf tree; returns what could not
    be replaced.

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


def path_faults(settings: Any) -> list[str]:
    """Paths, as they are once expanded, that no file system can hold."""
    faults = []
    for name in PATHS:
        for key in _places(settings, name.split("."), ""):
            path = OmegaConf.select(settings, key, throw_on_resolution_failure=False)
            if isinstance(path, str) and (fault := path_fault(path)):
                faults.append(f"{key}: {fault}")
    return faults


def path_fault(path: str) -> str:
    """Why no file can have this path, with a remedy; empty where one can."""
    if odd := odd_characters(path):
        return f"got {shown(path)} with {odd}, wanted a path without; rename the file or folder"
    # In bytes, as file systems count: a letter beyond ASCII takes several.
    longest = max((len(os.fsencode(part)) for part in path.split("/")), default=0)
    if longest > MOST_NAME:
        return (
            f"got {shown(path)}, a name of {longest} bytes in it, wanted at most {MOST_NAME}, "
            "which is all that file systems take; shorten it"
        )
    whole = len(os.fsencode(os.path.abspath(path)))
    if whole > MOST_PATH:
        return (
            f"got {shown(path)}, {whole} bytes from the root on, wanted at most {MOST_PATH} to "
            "leave room for the files in it; shorten it"
        )
    return ""


def named_paths(values: dict[str, Any]) -> list[str]:
    """What the settings of a run, as plain values, name of this machine's files."""
    settings = OmegaConf.create(values)
    keys: list[str] = []
    for name in PATHS:
        keys.extend(_places(settings, name.split("."), ""))
    found = [OmegaConf.select(settings, key) for key in keys]
    return [path for path in found if isinstance(path, str) and path]


def expanded(path: str) -> str:
    """The path with its home and its variables put in.

    Raises ValueError where there is no such home or variable.
    """
    # Before anything is put in: the message must not show the value.
    secret = next((name for name in _NAMED.findall(path) if _SECRET.search(name)), "")
    if secret:
        raise ValueError(
            f"{secret} is a secret by its name, and paths are written into run.json and the "
            "release's evidence; write the path itself, or put it into a variable of another name"
        )
    # Variables first, since one of them may hold a `~`.
    whole = os.path.expanduser(os.path.expandvars(path))
    # expanduser leaves what it does not know, and the folder `~name` would be made.
    if whole.startswith("~"):
        raise ValueError(
            f"no home directory of {whole.split('/')[0]!r} is known here; write the whole path, or "
            f"./{path} for a folder"
        )
    missing = _VARIABLE.search(whole)
    if missing:
        raise ValueError(
            f"the environment has no variable {missing[1]}; export it, or write the whole path"
        )
    return whole


def _places(node: Any, parts: list[str], prefix: str) -> Iterator[str]:
    if not parts:
        yield prefix.removesuffix(".")
        return
    part, *rest = parts
    if not OmegaConf.is_config(node):
        return
    names = (
        [str(number) for number in range(len(node))]
        if part == "*" and OmegaConf.is_list(node)
        else [part]
    )
    for name in names:
        inner = OmegaConf.select(node, name, throw_on_resolution_failure=False)
        if inner is not None:
            yield from _places(inner, rest, f"{prefix}{name}.")
