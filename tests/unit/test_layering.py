"""Imports point down: who may import whom, and what each floor may use."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from source_tree import FLOORS, inside, relative, sources

FORBIDDEN = {
    ("eval", "train"): "eval only measures; what must meet train is injected by pipeline",
    ("reward", "train"): "reward trains with train.engine, which knows no method",
    ("train.engine", "train"): "the engine knows no method",
}
ALLOWED = {
    ("reward", "train.engine"),
    ("train.engine", "train.engine"),
    ("train.engine", "train.config"),
}
TORCH_FREE = ("records", "measures", "data_prep")
TORCH = ("torch", "transformers", "peft", "pytorch_lightning", "deepspeed", "trl", "safetensors")
LIBRARIES = {"records": (), "measures": ("numpy", "scipy", "sklearn", "krippendorff")}
"""What the lowest floors may use besides the standard library."""


class Import(NamedTuple):
    file: str
    line: int
    imported: str


def imports(tree: ast.AST, file: str) -> Iterator[Import]:
    """Every import of a file, at module level or inside a function, and through importlib with a
    constant name.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import; write the whole name"
            yield Import(file, node.lineno, node.module or "")
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("import_module")
            and node.args
        ):
            name = ast.unparse(node.args[0]).strip("f'\"")
            yield Import(file, node.lineno, name)


def broken_rules(found: Import) -> Iterator[str]:
    here, there = found.file.split("/", maxsplit=1)[0], found.imported.split(".")[0]
    where = f"{found.file}:{found.line} imports {found.imported}"
    if here in TORCH_FREE and there in TORCH:
        yield f"{where}: {here} never sees a weight, so it needs no {there}"
    elif here in LIBRARIES and there not in (*LIBRARIES[here], *FLOORS, *sys.stdlib_module_names):
        yield (
            f"{where}: {here} uses the standard library and "
            f"{', '.join(LIBRARIES[here]) or 'nothing else'}"
        )
    for (low, high), reason in FORBIDDEN.items():
        if inside(found.file, low) and within(found.imported, high) and not allowed(found):
            yield f"{where}: {reason}"
            return
    if there not in FLOORS or there == here:
        return
    if there in ("eval", "pipeline") and here not in ("pipeline", "primum"):
        yield f"{where}: nobody imports {there} but pipeline"
    elif FLOORS[there] >= FLOORS[here]:
        yield f"{where}: imports point down, and {there} is not below {here}"


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def allowed(found: Import) -> bool:
    return any(
        inside(found.file, here) and within(found.imported, there) for here, there in ALLOWED
    )


def faults_in(source: str, file: str) -> list[str]:
    return [fault for found in imports(ast.parse(source), file) for fault in broken_rules(found)]


def test_imports_point_down_only() -> None:
    faults = [
        fault
        for path in sources()
        for fault in faults_in(path.read_text(encoding="utf-8"), relative(path))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("file", "source", "rule"),
    [
        ("data_prep/x.py", "import torch", "never sees a weight"),
        ("data_prep/x.py", "def f():\n    from torch.nn import Linear", "never sees a weight"),
        ("records/x.py", "import numpy", "records uses the standard library and nothing else"),
        (
            "records/x.py",
            "from measures.estimates import Estimate",
            "measures is not below records",
        ),
        ("measures/x.py", "import networkx", "measures uses the standard library and numpy"),
        (
            "measures/x.py",
            "from data_prep.config import SplitConfig",
            "data_prep is not below measures",
        ),
        (
            "data_prep/x.py",
            "from models.config import ModelConfig",
            "models is not below data_prep",
        ),
        (
            "models/x.py",
            "from data_prep.config import SplitConfig",
            "data_prep is not below models",
        ),
        ("models/x.py", "from reward.config import RewardConfig", "reward is not below models"),
        ("train/x.py", "import reward.config", "reward is not below train"),
        ("reward/x.py", "from train.dpo import DpoModule", "reward trains with train.engine"),
        ("train/engine/x.py", "from train.dpo import DpoModule", "the engine knows no method"),
        ("eval/x.py", "def f():\n    import train.dpo", "eval only measures"),
        (
            "train/x.py",
            "from eval.suites.loading import own_suites",
            "nobody imports eval but pipeline",
        ),
        (
            "eval/x.py",
            "from pipeline.run.config import RunConfig",
            "nobody imports pipeline but pipeline",
        ),
        (
            "models/x.py",
            "importlib.import_module('pipeline.cli')",
            "nobody imports pipeline but pipeline",
        ),
    ],
)
def test_an_import_upward_is_named_with_file_line_and_rule(
    file: str, source: str, rule: str
) -> None:
    (fault,) = faults_in(source, file)
    assert fault.startswith(f"{file}:")
    assert rule in fault


def test_what_design_allows_is_allowed() -> None:
    assert not faults_in(
        "from records.harm_scale import Scale\nfrom models.tokens import encode", "eval/x.py"
    )
    assert not faults_in(
        "from eval.suites.loading import own_suites\nfrom train.dpo import DpoModule",
        "pipeline/stages/x.py",
    )
    assert not faults_in("import numpy\nfrom records.rows import Pair", "data_prep/pairs.py")
