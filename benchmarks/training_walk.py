"""How far the training of a policy is from where its stage begins, in functions.

    python -m benchmarks.training_walk [STAGE ...]

A *stay* is a function that is handed one of the wide things of a run whole: its settings, what it
reads, or its place; a method counts where its object was handed one. A *climb* is a step of the
walk from a package to a higher one. The walk follows calls in their order, each function once, from
a stage's work; a step into a function that is handed narrower things, such as a path or a number,
is none.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
WIDE = {"Context", "RunConfig", "Inputs", "Place", "TrainingSettings"}
"""Types of what is handed down whole; earlier versions had `Context` in place of others."""
FLOORS = ("records", "measures", "models", "train", "reward", "eval", "pipeline")
TRAININGS = ("sft", "dpo", "sft_control", "rlhf", "reward")


class Stay(NamedTuple):
    """A function or a method, by the file and the name that it is found under."""

    file: Path
    name: str


class Module(NamedTuple):
    functions: dict[str, ast.FunctionDef]
    """Methods are under CLASS.NAME, and a class under its own name stands for its `__init__`."""
    imported: dict[str, tuple[str, str]]
    """Name here to (module, name there)."""


@cache
def module_of(file: Path) -> Module:
    """What a file defines and imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions: dict[str, ast.FunctionDef] = {}
    imported: dict[str, tuple[str, str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    functions[f"{node.name}.{inner.name}"] = inner
    for found in ast.walk(tree):
        if isinstance(found, ast.ImportFrom) and found.module:
            for alias in found.names:
                imported[alias.asname or alias.name] = (found.module, alias.name)
    return Module(functions, imported)


def walk(stage: str, root: Path = ROOT) -> list[Stay]:
    """The stays of a stage's training, in the order of the walk."""
    found: dict[Stay, None] = {}
    _visit(Stay(root / "pipeline" / "stages" / f"{stage}.py", "work"), found, root)
    return list(found)


def climbs(stays: list[Stay], root: Path = ROOT) -> int:
    """Steps of the walk into a higher package."""
    floors = [FLOORS.index(stay.file.relative_to(root).parts[0]) for stay in stays]
    return sum(after > before for before, after in pairwise(floors))


def _visit(stay: Stay, found: dict[Stay, None], root: Path) -> None:
    node = module_of(stay.file).functions.get(stay.name)
    if stay in found or node is None:
        return
    holder = module_of(stay.file).functions.get(f"{stay.name.rpartition('.')[0]}.__init__")
    # A step into a function of narrower things ends the walk there.
    if not is_wide(node) and not (holder and is_wide(holder)):
        return
    # Before what it calls: a function that comes back to itself is not walked again.
    found[stay] = None
    for called in _called(node, stay, root):
        _visit(called, found, root)


def is_wide(node: ast.FunctionDef) -> bool:
    """Whether one of its parameters is a wide thing."""
    parameters = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return any(
        parameter.annotation is not None and ast.unparse(parameter.annotation) in WIDE
        for parameter in parameters
    )


def _called(node: ast.FunctionDef, stay: Stay, root: Path) -> Iterator[Stay]:
    """Functions whose names stand in a function's body, called there or handed on."""
    own = stay.name.rpartition(".")[0]
    for inner in _in_order(node):
        if isinstance(inner, ast.Attribute) and ast.unparse(inner.value) == "self" and own:
            yield Stay(stay.file, f"{own}.{inner.attr}")
        elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            yield from _places(f"{inner.value.id}", stay.file, root, f".{inner.attr}")
        elif isinstance(inner, ast.Name):
            yield from _places(inner.id, stay.file, root)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it as they stand in the text, which ast.walk gives by depth."""
    yield node
    for inner in ast.iter_child_nodes(node):
        yield from _in_order(inner)


def _places(name: str, file: Path, root: Path, member: str = "") -> Iterator[Stay]:
    module = module_of(file)
    if name in module.imported:
        there, name = module.imported[name]
        file = root / f"{there.replace('.', '/')}.py"
        # A library, or a package: the walk stays within modules of this repository.
        if not file.is_file():
            return
        module = module_of(file)
    for known in (f"{name}{member}", f"{name}.__init__"):
        if known in module.functions:
            yield Stay(file, known)
            if known.endswith(".__init__"):
                methods = (one for one in module.functions if one.startswith(f"{name}."))
                # What is made here is used here: its methods count as called.
                yield from (Stay(file, one) for one in methods)


def main(arguments: list[str]) -> None:
    """Prints the figures of each stage; the stays of a stage that is named."""
    for stage in arguments or TRAININGS:
        stays = walk(stage)
        print(f"{stage}: {len(stays)} stays, {climbs(stays)} climbs")
        if arguments:
            for stay in stays:
                print(f"  {stay.file.relative_to(ROOT)}: {stay.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
