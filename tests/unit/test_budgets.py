"""How long files and functions may be, and how much a function may take."""

from __future__ import annotations

import ast

import pytest
from source_tree import ROOT, relative, sources

MAX_FILE, MAX_FUNCTION, MAX_MODULE_CLASS = 300, 60, 150
MAX_PARAMETERS = 7
MORE_PARAMETERS = {
    "models/engines/grouped_decoding.py: _attention": "transformers' AttentionInterface",
    "models/engines/slots.py: _attention": "transformers' AttentionInterface",
    "models/layout/packed_attention.py: _attention": "transformers' AttentionInterface",
    "primum/measuring.py: measure": "for users, by keyword: a word for each option of the command",
    "primum/training.py: train_dpo": "for users, by keyword: a block of settings each",
}
"""Functions that may have more, with who says what they take."""


def _length(node: ast.AST) -> int:
    return node.end_lineno - node.lineno + 1  # type: ignore[attr-defined]


def test_files_and_functions_keep_to_their_budgets() -> None:
    faults = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > MAX_FILE:
            faults.append(f"{relative(path)}: {lines} lines, at most {MAX_FILE}")
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
                and _length(node) > MAX_FUNCTION
            ):
                faults.append(
                    f"{relative(path)}:{node.lineno}: {node.name} has {_length(node)} lines, at "
                    f"most {MAX_FUNCTION}"
                )
            if (
                isinstance(node, ast.ClassDef)
                and _is_lightning_module(node)
                and _length(node) > MAX_MODULE_CLASS
            ):
                faults.append(
                    f"{relative(path)}:{node.lineno}: {node.name} has {_length(node)} lines, at "
                    f"most {MAX_MODULE_CLASS}"
                )
    assert not faults, "\n".join(faults)


def test_a_file_of_tests_keeps_to_the_same_budget() -> None:
    """It is divided along concepts; what several files need lies in tests/support or a conftest."""
    faults = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > MAX_FILE:
            faults.append(f"{relative(path)}: {lines} lines, at most {MAX_FILE}")
    assert not faults, "\n".join(faults)


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Names of what a function or method takes, without self and cls; `**options` is one."""
    taken = node.args
    named = [one.arg for one in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)]
    rest = [one.arg for one in (taken.vararg, taken.kwarg) if one]
    return [*named[named[:1] in (["self"], ["cls"]) :], *rest]


def is_of_autograd(node: ast.AST) -> bool:
    """Torch calls forward and setup_context of a Function with what it was applied to, tensors one
    by one; it knows no groups of them.
    """
    return isinstance(node, ast.ClassDef) and any(
        ast.unparse(base).endswith("autograd.Function") for base in node.bases
    )


def with_too_many_parameters(source: str, file: str) -> dict[str, str]:
    """What is wrong, by "file: function"."""
    tree = ast.parse(source)
    exempt: set[ast.AST] = set()
    for node in filter(is_of_autograd, ast.walk(tree)):
        exempt.update(ast.iter_child_nodes(node))
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node not in exempt:
            count = len(parameters(node))
            if count > MAX_PARAMETERS:
                found[f"{file}: {node.name}"] = f"{count} parameters, at most {MAX_PARAMETERS}"
    return found


def test_a_function_takes_at_most_seven_parameters() -> None:
    """More belong together in some dataclass."""
    found = {}
    for path in sources():
        found.update(with_too_many_parameters(path.read_text(encoding="utf-8"), relative(path)))
    assert not {name: why for name, why in found.items() if name not in MORE_PARAMETERS}
    assert not [name for name in MORE_PARAMETERS if name not in found], "no longer needed"


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def f(a, b, c, d, e, f, g): ...", None),
        ("def f(a, b, c, d, /, e, *, f, g, h): ...", 8),
        ("async def f(a, b, c, d, e, f, *g, **h): ...", 8),
        ("class C:\n    def f(self, a, b, c, d, e, f, g): ...", None),
        ("class C:\n    def f(self, a, b, c, d, e, f, g, h): ...", 8),
        ("class C(torch.autograd.Function):\n    def f(ctx, a, b, c, d, e, f, g, h): ...", None),
    ],
)
def test_parameters_are_counted_however_they_are_given(source: str, count: int | None) -> None:
    found = with_too_many_parameters(source, "x.py")
    assert found == ({"x.py: f": f"{count} parameters, at most 7"} if count else {})


def _is_lightning_module(node: ast.ClassDef) -> bool:
    return any(
        ast.unparse(base).endswith(("LightningModule", "TrainedModule")) for base in node.bases
    )
