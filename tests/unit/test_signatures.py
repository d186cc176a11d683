"""Public signatures say what they take and give: no plain dictionary stands in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

import pytest
from source_tree import inside, relative, sources

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
    "eval/results/judged.py: JudgeResult.asked": "counts that a judge reports of itself",
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


def annotated(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
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
        if not exempt and any(plain.search(annotation) for annotation in annotated(node)):
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
def test_public_signatures_hold_no_plain_dictionary(
    trees: dict[str, ast.Module], room: str
) -> None:
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
def test_public_fields_hold_a_plain_dictionary_only_where_its_shape_is_not_ours(
    trees: dict[str, ast.Module], room: str
) -> None:
    aliases, found = aliases_here(trees), []
    for file, tree in trees.items():
        if inside(file, room):
            found += untyped_fields(file, tree, aliases[file])
    assert set(found) == {field for field in FREE_FIELDS if inside(field, room)}
