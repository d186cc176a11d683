"""The house keeps its shape: who may import whom, what may be called what, and how long anything
may be.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pytest
from source_tree import FLOORS, ROOT, relative, sources

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
MAX_FILE, MAX_FUNCTION, MAX_MODULE_CLASS = 300, 60, 150
MAX_PARAMETERS = 7
MORE_PARAMETERS = {
    "models/engines/grouped_decoding.py: _attention": "transformers' AttentionInterface",
    "models/engines/slots.py: _attention": "transformers' AttentionInterface",
    "eval/report/figures/epochs.py: _line": "not divided yet",
    "models/layout/packed_attention.py: _attention": "transformers' AttentionInterface",
    "primum/measuring.py: measure": "for users, by keyword: a word for each option of the command",
    "primum/training.py: train_dpo": "for users, by keyword: a block of settings each",
}
"""Functions that may have more, with who says what they take."""


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


def inside(file: str, room: str) -> bool:
    return file.startswith(room.replace(".", "/") + "/")


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def allowed(found: Import) -> bool:
    return any(
        inside(found.file, here) and within(found.imported, there) for here, there in ALLOWED
    )


def faults_in(source: str, file: str) -> list[str]:
    return [fault for found in imports(ast.parse(source), file) for fault in broken_rules(found)]


def test_imports_point_down_only():
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
def test_an_import_upward_is_named_with_file_line_and_rule(file, source, rule):
    (fault,) = faults_in(source, file)
    assert fault.startswith(f"{file}:")
    assert rule in fault


def test_what_design_allows_is_allowed():
    assert not faults_in(
        "from records.harm_scale import Scale\nfrom models.tokens import encode", "eval/x.py"
    )
    assert not faults_in(
        "from eval.suites.loading import own_suites\nfrom train.dpo import DpoModule",
        "pipeline/stages/x.py",
    )
    assert not faults_in("import numpy\nfrom records.rows import Pair", "data_prep/pairs.py")


def _length(node: ast.AST) -> int:
    return node.end_lineno - node.lineno + 1  # type: ignore[attr-defined]


def test_files_and_functions_keep_to_their_budgets():
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


LONG_TESTS = ("tests/unit/test_layering.py",)
"""Not divided yet."""


def test_a_file_of_tests_keeps_to_the_same_budget():
    """It is divided along concepts; what several files need lies in tests/support or a conftest."""
    faults = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > MAX_FILE and relative(path) not in LONG_TESTS:
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


def test_a_function_takes_at_most_seven_parameters():
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
def test_parameters_are_counted_however_they_are_given(source, count):
    found = with_too_many_parameters(source, "x.py")
    assert found == ({"x.py: f": f"{count} parameters, at most 7"} if count else {})


def _is_lightning_module(node: ast.ClassDef) -> bool:
    return any(
        ast.unparse(base).endswith(("LightningModule", "TrainedModule")) for base in node.bases
    )


# Signatures of these rooms name what they take and give; a plain dictionary hides it.
TYPED_ROOMS = ("records", "measures", "train", "reward", "eval")
UNTYPED: dict[str, int] = {}
"""Public functions of a file that still take or give dict[str, Any]; the number may only fall."""
SEAM = (
    "from_json",
    "to_json",
    "read_json_lines",
    "json_line",
    "file_line",
    "json_lines",
    "write_records",
)
"""Where JSON becomes a record and a record becomes JSON."""
SEAM_FILES = (
    "records/own_files.py",
    "records/strict_json.py",
    "measures/stored.py",
    # Rows as the authors of a set publish them.
    "eval/label_sets/items.py",
    "eval/suites/table_suite.py",
    # The JSON of other programs.
    "eval/exports/inspect_log.py",
    "eval/exports/lm_eval.py",
    "eval/exports/model_index.py",
    "eval/capability/lm_eval_engine.py",
)
OF_LIBRARIES = {
    "on_save_checkpoint": "Lightning's hook",
    "on_load_checkpoint": "Lightning's hook",
    "save_checkpoint": "of Lightning's Strategy and CheckpointIO",
    "load_checkpoint": "of Lightning's Strategy and CheckpointIO",
    "state_dict": "torch's and Lightning's",
    "load_state_dict": "torch's and Lightning's",
    "train/engine/portable.py: read": "Lightning's state of a training, kept as it is",
    "train/engine/portable.py: write": "Lightning's state of a training, kept as it is",
}
"""Functions that hold a library's own dictionaries, and whose: by name where the library calls
them, else with their file."""
FREE_FIELDS = {
    "records/stage_records.py: Manifest.summary": "what a stage says of itself, shown as it is",
    "train/engine/checkpoint_files.py: Pointer.bytes": "of pointers that earlier versions wrote",
    "reward/factors/bundle.py: Bundle.facts": "figures that are read by their own reader",
    "reward/judges/guard_formats.py: GuardFormat.template": "a chat template's own arguments",
    "reward/judges/question.py: AskedOf.extra": "fields of a server's own",
    "reward/judges/question.py: Question.template_variables": "a chat template's own arguments",
    "reward/judges/settings.py: EndpointConfig.extra": "fields of a server's own",
    "reward/judges/wire.py: SentFields.extra_body": "fields of a server's own",
    "eval/judge_report/page.py: About.provenance": "versions and settings, shown as they are",
    "eval/results/facts.py: RunFacts.provenance": "versions and settings, shown as they are",
    "eval/results/results.py: Results.provenance": "versions and settings, shown as they are",
    "eval/results/validation.py: Validation.reward_model": "reward owns the shape, and adds to it",
}
"""Public fields that hold a plain dictionary, and why."""
_PLAIN = re.compile(r"\b(?:dict|Mapping|MutableMapping)\[str, (?:Any|object)\]")


def plain_aliases(tree: ast.Module) -> set[str]:
    """Names that a module gives to a plain dictionary's type, or to what holds one."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and _PLAIN.search(ast.unparse(node.value)):
            found.update(ast.unparse(target) for target in node.targets)
    return found


def imported_names(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """By the name here: (module, name there)."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = (node.module or "", alias.name)
    return found


def public_functions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions and methods whose names do not begin with _, and how classes are made."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (
            not node.name.startswith("_") or node.name == "__init__"
        ):
            yield node


def annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    taken = node.args
    rest = [one for one in (taken.vararg, taken.kwarg) if one]
    for one in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs, *rest):
        if one.annotation:
            yield ast.unparse(one.annotation)
    if node.returns:
        yield ast.unparse(node.returns)


def untyped(file: str, tree: ast.Module, aliases: Iterable[str]) -> list[str]:
    """Public functions with a plain dictionary in their signature."""
    plain, found = plain_of(aliases), []
    for node in public_functions(tree.body):
        exempt = {node.name, f"{file}: {node.name}"} & {*SEAM, *OF_LIBRARIES}
        if not exempt and any(plain.search(annotation) for annotation in annotations(node)):
            found.append(f"{node.lineno}: {node.name}")
    return found


def plain_of(aliases: Iterable[str]) -> re.Pattern[str]:
    """Finds a plain dictionary in an annotation, by its type or by a name of that."""
    names = "|".join(map(re.escape, sorted(aliases)))
    return re.compile(rf"{_PLAIN.pattern}|\b(?:{names})\b" if names else _PLAIN.pattern)


def untyped_fields(file: str, tree: ast.Module, aliases: Iterable[str]) -> list[str]:
    """`FILE: CLASS.FIELD` of public fields that hold a plain dictionary."""
    plain, found = plain_of(aliases), []
    for one in ast.walk(tree):
        if not isinstance(one, ast.ClassDef) or one.name.startswith("_"):
            continue
        for node in one.body:
            if isinstance(node, ast.AnnAssign) and plain.search(ast.unparse(node.annotation)):
                name = ast.unparse(node.target)
                if not name.startswith("_"):
                    found.append(f"{file}: {one.name}.{name}")
    return found


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return {relative(path): ast.parse(path.read_text(encoding="utf-8")) for path in sources()}


def aliases_here(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """By file, the names of plain dictionaries that it gives or imports."""
    given = {}
    for file, tree in trees.items():
        given[file.removesuffix(".py").replace("/", ".")] = plain_aliases(tree)
    found = {}
    for file, tree in trees.items():
        found[file] = plain_aliases(tree)
        for name, (module, there) in imported_names(tree).items():
            if there in given.get(module, ()):
                found[file].add(name)
    return found


@pytest.mark.parametrize("room", TYPED_ROOMS)
def test_public_signatures_hold_no_plain_dictionary(trees, room):
    """A dataclass, a TypedDict or a type of one's own says what is in it."""
    aliases = aliases_here(trees)
    counts, found = {}, []
    for file, tree in trees.items():
        if not inside(file, room) or file in SEAM_FILES:
            continue
        if faults := untyped(file, tree, aliases[file]):
            counts[file] = len(faults)
            if len(faults) > UNTYPED.get(file, 0):
                found += [f"{file}:{fault}" for fault in faults]
    assert not found, "\n".join(found)
    known = {file: count for file, count in UNTYPED.items() if inside(file, room)}
    assert counts == known, "UNTYPED holds more than there is; lower its numbers"


@pytest.mark.parametrize("room", TYPED_ROOMS)
def test_public_fields_hold_a_plain_dictionary_only_where_its_shape_is_not_ours(trees, room):
    aliases, found = aliases_here(trees), []
    for file, tree in trees.items():
        if inside(file, room):
            found += untyped_fields(file, tree, aliases[file])
    assert set(found) == {field for field in FREE_FIELDS if inside(field, room)}
