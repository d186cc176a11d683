"""A module that is no part of a package, by the file that holds it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType


def module_of(name: str, file: Path) -> ModuleType:
    """The file's module, run under this name and not kept among the imported ones."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
