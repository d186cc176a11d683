"""Modules, packages and names: none shadows another, none is a drawer, none holds a word that the
glossary excludes.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from source_tree import FLOORS, ROOT, relative, sources


def test_no_module_is_named_like_a_dependency_or_the_standard_library() -> None:
    """`python train/dpo.py` puts train/ first on the path, where train/datasets.py would shadow the
    library.
    """
    taken = (set(packages_distributions()) | set(sys.stdlib_module_names)) - set(FLOORS)
    shadows = {relative(path) for path in sources() if path.stem in taken} | {
        relative(path)
        for path in sources()
        if path.name == "__init__.py" and path.parent.name in taken
    }
    assert not shadows, f"named like an installed module: {sorted(shadows)}"


@pytest.mark.parametrize("package", FLOORS)
def test_packaged_name_is_this_checkout(package: str) -> None:
    module = importlib.import_module(package)
    assert Path(str(module.__file__)).resolve() == ROOT / package / "__init__.py"


def test_every_package_is_packaged() -> None:
    """setuptools takes packages that have an __init__.py; a folder without one would be missing
    from an installation.
    """
    folders = {path.parent for path in sources()}
    assert not [relative(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_there_is_no_package_under_tests() -> None:
    """A tests/train/__init__.py would answer to the name `train`."""
    assert not [relative(path) for path in (ROOT / "tests").rglob("__init__.py")]


def test_no_drawers() -> None:
    drawers = {"utils", "util", "common", "helpers", "helper", "misc"}
    assert not [
        relative(path) for path in sources() if path.stem in drawers or path.parent.name in drawers
    ]


MEANS_ELSEWHERE = {
    "checkpoint": "what a training goes on from",
    "score": "one scorer's value of one completion",
    "attack": "what eval.tamper does to weights",
    "comparison": "two policies side by side",
    "example": "a row that the reward model learns from",
    "experiment": "wandb's own word",
    "input": "the ids that a network takes; what a stage reads",
    "job": "Slurm's",
    "labels": "what people or a classifier say",
    "layer": "of a network",
    "output": "the folder that a command writes",
    "prefix": "of a name, and of a prompt that rows share",
    "query": "of attention",
    "response": "HTTP's",
    "target": "a head's labels; modules that LoRA adapts",
    "worker": "the process that vLLM runs in",
    "anchor": "YAML's",
}
"""Words that the glossary excludes for one meaning and that names may hold for another."""


ANSWERS = {
    "eval/capability/": "of a multiple-choice question",
    "pipeline/measuring/capability.py": "of a multiple-choice question",
    "pipeline/stages/capability.py": "of a multiple-choice question",
    "records/run_files.py": "of a multiple-choice question",
    "data_prep/sources/": "a column of data sets",
    "reward/factors/fit/": "a column of data sets, and the name of one",
    "models/engines/vllm_": "what the worker's process replies",
    "reward/judges/wire.py": "what a server replies",
    "train/config.py": "sft.benign_answers, a setting that configs of people's own hold",
    "pipeline/stages/sft.py": "the same setting",
    "records/rows.py": "answer_id of a revision, a column of files that runs hold",
}
"""Where a name may say answer, and what it means there; a model's text is a completion."""


def excluded_words() -> set[str]:
    """Single words of the glossary's third column."""
    words: set[str] = set()
    for line in (ROOT / "docs/glossary.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[2] != "we do not say":
            words |= {word.strip() for word in cells[2].split(",")}
    return {word for word in words if re.fullmatch(r"[a-z_]+", word)}


def names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_no_name_holds_a_word_that_the_glossary_excludes() -> None:
    words = excluded_words() - set(MEANS_ELSEWHERE)
    assert {"benchmark", "iteration", "nll"} <= words
    one = re.compile(rf"(?:^|_)({'|'.join(sorted(words))})s?(?:_|$)")
    found = []
    for path in sources():
        for name in names_in(ast.parse(path.read_text(encoding="utf-8"))):
            # SafeAnswer has the words safe and answer.
            parts = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
            word = one.search(parts)
            if word and not (word[1] == "answer" and relative(path).startswith(tuple(ANSWERS))):
                found.append(f"{relative(path)}: {name}: {word[1]}")
    assert not found, "\n".join(found)
