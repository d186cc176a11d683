"""Whatever a file holds, a reader gives rows or says what is wrong: no traceback, and rows in = rows out + counted.

A few inputs of each kind here, always the same; 10,000 new ones with `make fuzz`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep.config import SourceConfig
from data_prep.near_duplicates.duplicates import drop_duplicates, prompt_rows
from data_prep.review.ratings import Ratings, read_ratings
from data_prep.sources import read_table, source_counts
from data_prep.sources.rows import SourceRows
from data_prep.sources.shapes import KNOWN
from eval.config import SuiteConfig
from eval.suites.loading import read_suite
from pipeline.run.config import load_config
from records.errors import PrimumError

FUZZES = settings.get_current_profile_name() == "fuzz"


def tried(few: int, many: int) -> Callable[[Any], Any]:
    """`few` inputs that are always the same, or `many` new ones under the profile."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    return settings(max_examples=many if FUZZES else few, derandomize=not FUZZES, suppress_health_check=checks)


# --- what files are made of

TEXTS = st.sampled_from(
    ["", " ", "Q?", "No.", "None", "true", "0", "3.5", "\ufeff", "\ud800", "a\x00b", "=1+1", "x;y\tz", "\n\nHuman: Q\n\nAssistant: A"]
)
WORDS = TEXTS | st.text(st.characters(exclude_categories=()), max_size=12)
ROLES = st.sampled_from(["user", "assistant", "system", "human", "gpt", "tool", "narrator"])
MESSAGE = st.fixed_dictionaries({"role": ROLES, "content": WORDS}) | st.fixed_dictionaries({"from": ROLES, "value": WORDS})
MESSAGES = st.lists(MESSAGE, max_size=3)
DIALOGUE = st.builds(
    lambda q, a: [{"role": "user", "content": q}, {"role": "assistant", "content": a}],
    st.sampled_from(["Q?", "R?"]),
    st.sampled_from(["No.", "Yes."]),
)
SPELLED = (MESSAGES | DIALOGUE).map(repr) | (MESSAGES | DIALOGUE).map(json.dumps) | MESSAGES.map(lambda m: repr(m).replace(",", ""))
NUMBERS = st.booleans() | st.integers(-2, 11) | st.floats(width=32) | st.integers()
SCORED = st.lists(st.fixed_dictionaries({"response": WORDS}, optional={"overall_score": NUMBERS | WORDS, "rank": NUMBERS}), max_size=3)
VALUES = st.recursive(
    st.none() | NUMBERS | WORDS | SPELLED | MESSAGES | DIALOGUE | SCORED,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from(sorted(KNOWN)) | st.sampled_from(["Prompt", " completion", "lang"]) | WORDS
ANY_ROW = st.dictionaries(NAMES, VALUES, max_size=5)
LIKELY = st.fixed_dictionaries(
    {"prompt": st.sampled_from(["Q?", "R?"])},
    optional={
        "completion": st.sampled_from(["No.", "Yes.", ""]),
        "rejected": st.sampled_from(["Sure.", "No."]),
        "label": st.booleans(),
        "lang": st.just("en"),
        "split": st.sampled_from(["train", "test"]),
        "kind": st.sampled_from(["harmful", "benign"]),
    },
)
GRADED = st.fixed_dictionaries(
    {"prompt": st.sampled_from(["Q?", "R?"]), "response": st.sampled_from(["a", "b", "c"]), "helpfulness": st.integers(0, 4)}
)
SAFETY = st.fixed_dictionaries(
    {
        "prompt": st.just("Q?"),
        "response_0": st.just("No."),
        "response_1": st.just("Sure."),
        "is_response_0_safe": st.booleans(),
        "is_response_1_safe": st.booleans(),
        "safer_response_id": st.integers(0, 1),
        "better_response_id": st.integers(0, 1),
    }
)
ROWS = st.lists(LIKELY | GRADED | SAFETY, max_size=6) | st.lists(ANY_ROW | LIKELY, min_size=1, max_size=2)


def flipped(content: bytes, damage: tuple[str, int, bytes]) -> bytes:
    how, place, other = damage
    place %= max(1, len(content))
    return {
        "none": content,
        "cut": content[:place],
        "insert": content[:place] + other + content[place:],
        "replace": content[:place] + other + content[place + len(other) :],
        "mark": b"\xef\xbb\xbf" + content,
        "utf-16": content.decode("utf-8", "replace").encode("utf-16"),
        "twice": content + content,
    }[how]


DAMAGE = st.tuples(
    st.sampled_from(["none", "none", "none", "cut", "insert", "replace", "mark", "utf-16", "twice"]),
    st.integers(0, 500),
    st.binary(max_size=4),
)
CONFIGS = st.sampled_from(
    [{}, {"kind": "benign"}, {"prompt_field": "question", "completion_field": "reply"}, {"ignore": ["label", "lang"]}, {"limit": 1}]
)


# --- the property


T = TypeVar("T")


def or_told(read: Callable[[], T]) -> T | None:
    """None where the reader said what is wrong."""
    try:
        return read()
    except PrimumError as error:
        faults = error.faults
    assert faults
    assert all(fault.strip() for fault in faults)
    return None


def read_or_told(content: bytes, name: str, source_format: Any, fields: dict[str, Any]) -> SourceRows | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        config = SourceConfig(name="made", format=source_format, path=str(path), **fields)
        return or_told(lambda: read_table(config, seed=0))


def accounts_for_all(found: SourceRows | None, rows: int | None = None) -> None:
    """`rows` is how many the file holds, where that is known."""
    if found is None:
        return
    assert rows is None or len(found.rows) == rows
    kept, dropped = drop_duplicates(found.rows)
    assert len(kept) + len(dropped) == len(found.rows) == sum(count["rows"] for count in source_counts(found.rows).values())
    prompts = {row.id: row for row in prompt_rows(kept)}
    assert len({row.id for row in kept}) == len(kept)
    assert all(prompts[row.asks].prompt == row.prompt for row in kept)


def is_divided(rows: list[Any]) -> bool:
    """Whether a row may give several preferences, or a limit takes some away."""
    return any(name in row for row in rows for name in ("completions", "answers", "responses"))


@tried(60, 2900)
@given(rows=ROWS, damage=DAMAGE, fields=CONFIGS)
def test_json_lines(rows: list[Any], damage: tuple[str, int, bytes], fields: dict[str, Any]) -> None:
    content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    found = read_or_told(flipped(content, damage), "rows.jsonl", "jsonl", fields)
    accounts_for_all(found, len(rows) if damage[0] in ("none", "mark") and not is_divided(rows) and "limit" not in fields else None)


@tried(40, 1500)
@given(
    rows=ROWS,
    damage=DAMAGE,
    fields=CONFIGS,
    delimiter=st.sampled_from(",;\t|"),
    name=st.sampled_from(["rows.csv", "rows.TSV", "rows.csv.gz"]),
)
def test_csv(rows: list[Any], damage: tuple[str, int, bytes], fields: dict[str, Any], delimiter: str, name: str) -> None:
    columns = sorted({column for row in rows for column in row})
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=columns, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    content = flipped(text.getvalue().encode("utf-8", "surrogatepass"), damage)
    accounts_for_all(read_or_told(gzip.compress(content) if name.endswith("gz") else content, name, "jsonl", fields))


@tried(25, 1000)
@given(rows=ROWS | VALUES, damage=DAMAGE, fields=CONFIGS, source_format=st.sampled_from(["jsonl", "instruction_json"]))
def test_json(rows: Any, damage: tuple[str, int, bytes], fields: dict[str, Any], source_format: str) -> None:
    accounts_for_all(read_or_told(flipped(json.dumps(rows).encode(), damage), "rows.json", source_format, fields))


@tried(10, 500)
@given(rows=st.lists(LIKELY | GRADED | SAFETY, min_size=1, max_size=4), damage=DAMAGE, fields=CONFIGS)
def test_parquet(rows: list[Any], damage: tuple[str, int, bytes], fields: dict[str, Any]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = io.BytesIO()
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), table)
    accounts_for_all(read_or_told(flipped(table.getvalue(), damage), "rows.parquet", "jsonl", fields))


@tried(10, 500)
@given(
    content=st.binary(max_size=60),
    name=st.sampled_from(["r.jsonl", "r.csv", "r.json", "r.jsonl.gz", "r.tsv", "r.csv.gz", "r.parquet", "r.txt"]),
)
def test_bytes(content: bytes, name: str) -> None:
    accounts_for_all(read_or_told(content, name, "jsonl", {}))


TAGS = st.sampled_from(["QAPairs", "QAPair", "pair", "Question", "Answer", "question", "b", "!--", "?xml", "!DOCTYPE x"])
XML = st.recursive(
    st.sampled_from(["Q?", "", " A\n b ", "&amp;", "&x;", "<![CDATA[<b>]]>", "<!-- c -->", "<"]),
    lambda inner: st.builds(lambda tag, held: f"<{tag} qid='1' qtype='t'>{''.join(held)}</{tag}>", TAGS, st.lists(inner, max_size=3)),
    max_leaves=8,
)
PAIR = "<QAPair><Question qid='1' qtype='t'>{}</Question><Answer>{}</Answer></QAPair>"
DOCUMENTS = st.builds(lambda inner: f"<Document><QAPairs>{inner}</QAPairs></Document>", XML | st.builds(PAIR.format, XML, XML))


@tried(15, 1000)
@given(
    text=DOCUMENTS,
    damage=DAMAGE,
    head=st.sampled_from(
        ["", '<?xml version="1.0" encoding="UTF-16"?>', '<?xml version="1.0" encoding="x"?>', '<?xml version="1.0" encoding="big5"?>']
    ),
)
def test_xml(text: str, damage: tuple[str, int, bytes], head: str) -> None:
    accounts_for_all(read_or_told(flipped((head + text).encode(), damage), "topic.xml", "medquad", {}))


FIELDS = st.sampled_from(
    [
        "chosen",
        "rejected",
        "Question",
        "Free_form_answer",
        "ICD_10_diag",
        "prompt",
        "type",
        "label",
        "instruction",
        "output",
        "instructions",
        "QUESTION",
        "CONTEXTS",
        "LONG_ANSWER",
        "1",
    ]
)
TRANSCRIPTS = st.lists(st.sampled_from(["\n\nHuman: Q", "\n\nAssistant: A", "\n\nAssistant:", "x"]), max_size=4).map("".join)
FORMAT_ROWS = st.dictionaries(FIELDS, TRANSCRIPTS | VALUES, max_size=4)
NAMES_OF = {
    "hh_rlhf": ("harmless.jsonl", False),
    "kqa": ("questions.jsonl", False),
    "xstest": ("xstest_prompts.jsonl", False),
    "safety_tuned_llamas": ("demonstrations.json", True),
    "pubmedqa": ("ori_pqal.json", True),
}
GOOD = {
    "hh_rlhf": {"chosen": "\n\nHuman: Q\n\nAssistant: No.", "rejected": "\n\nHuman: Q\n\nAssistant: Yes."},
    "kqa": {"Question": "Q?", "Free_form_answer": "A."},
    "xstest": {"prompt": "Q?", "type": "homonyms", "label": "safe"},
    "safety_tuned_llamas": {"instruction": "Q?", "input": "", "output": "No."},
    "pubmedqa": {"QUESTION": "Q?", "CONTEXTS": ["c"], "LONG_ANSWER": "A."},
}


@tried(15, 1000)
@given(
    rows=st.lists(FORMAT_ROWS, max_size=2) | VALUES, damage=DAMAGE, source_format=st.sampled_from(sorted(NAMES_OF)), good=st.integers(0, 3)
)
def test_public_sets(rows: Any, damage: tuple[str, int, bytes], source_format: str, good: int) -> None:
    name, is_json = NAMES_OF[source_format]
    held = [*([GOOD[source_format]] * good), *(rows if isinstance(rows, list) and good < 2 else [])]
    whole: Any = held if source_format != "pubmedqa" else {str(number): row for number, row in enumerate(held)}
    text = json.dumps(whole if good else rows) if is_json else "".join(f"{json.dumps(row)}\n" for row in held)
    fields = {"evaluation_only": True} if source_format == "pubmedqa" else {}
    found = read_or_told(flipped(text.encode(), damage), name, source_format, fields)
    accounts_for_all(found, len(held) if damage[0] in ("none", "mark") else None)


ANNOTATION = st.dictionaries(
    st.sampled_from(["id", "completed_by", "result", "was_cancelled"]), VALUES, max_size=4
) | st.fixed_dictionaries(
    {
        "completed_by": st.integers(1, 2) | st.just({"email": "a@b"}) | VALUES,
        "result": st.lists(
            st.fixed_dictionaries(
                {"from_name": st.sampled_from(["harmfulness", "refusal", "comment"]), "value": st.just({"rating": 3}) | VALUES}
            ),
            max_size=2,
        ),
    }
)
RATED_TASK = st.builds(
    lambda rater, level, skipped: {
        "data": {"item": "c-1", "batch": "b-1"},
        "annotations": [
            {"completed_by": rater, "result": [{"from_name": "harmfulness", "value": {"rating": level}}], "was_cancelled": skipped}
        ],
    },
    st.integers(1, 3),
    st.integers(1, 5),
    st.booleans(),
)
TASKS = st.lists(RATED_TASK | RATED_TASK.map(lambda task: [task]), max_size=3) | st.lists(
    st.fixed_dictionaries(
        {"data": st.just({"item": "c-1", "batch": "b-1"}) | VALUES, "annotations": st.lists(ANNOTATION, max_size=2) | VALUES}
    )
    | VALUES,
    max_size=3,
)


def ratings_or_told(content: bytes, name: str) -> Ratings | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return or_told(lambda: read_ratings([path], batch="b-1", items={"c-1"}))


@tried(15, 700)
@given(tasks=TASKS, damage=DAMAGE)
def test_label_studio(tasks: list[Any], damage: tuple[str, int, bytes]) -> None:
    found = ratings_or_told(flipped(json.dumps(tasks).encode(), damage), "a.json")
    if found is not None and damage[0] in ("none", "mark"):
        # The converter nests the lists of several files in one.
        flat = [task for part in tasks for task in (part if isinstance(part, list) else [part])]
        assert len(found.ratings) + found.left_out.total() == sum(max(1, len(task["annotations"])) for task in flat)


GOOD_RATING = st.fixed_dictionaries(
    {
        "item": st.just("c-1"),
        "batch": st.just("b-1"),
        "rater": st.sampled_from(["ann", "bob"]),
        "harmfulness": st.sampled_from(["1", "3.0", ""]),
        "refusal": st.sampled_from(["no", "Yes", ""]),
        "comment": st.sampled_from(["", "a, b", "x;\ny"]),
    }
)
RATED = st.fixed_dictionaries(
    {
        "item": st.just("c-1") | WORDS,
        "batch": st.just("b-1") | WORDS,
        "rater": st.sampled_from(["ann", "bob"]) | WORDS,
        "harmfulness": st.sampled_from(["1", "3.0", "nan", "1e999"]) | WORDS,
        "refusal": st.sampled_from(["no", "Yes"]) | WORDS,
        "comment": WORDS,
    },
    optional={"annotator": WORDS, "annotation_id": WORDS},
)


@tried(10, 300)
@given(rows=st.lists(RATED, max_size=3) | st.lists(GOOD_RATING, min_size=1, max_size=3), damage=DAMAGE, delimiter=st.sampled_from(",;\t"))
def test_rating_spreadsheets(rows: list[dict[str, str]], damage: tuple[str, int, bytes], delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=sorted({column for row in rows for column in row}), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    ratings_or_told(flipped(text.getvalue().encode("utf-8", "surrogatepass"), damage), "a.csv")


KEYS = (
    st.sampled_from(
        [
            "run_dir",
            "seed",
            "data",
            "sources",
            "name",
            "format",
            "limit",
            "dpo",
            "beta",
            "model",
            "base",
            "path",
            "eval",
            "suites",
            "split",
            "val",
        ]
    )
    | WORDS
)
SETTINGS = st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=2), max_leaves=5)
LINES = st.sampled_from(
    [
        "seed: 1",
        "seed: [1",
        "data: &a {limit: 1}",
        "dpo: *a",
        "<<: {seed: 1}",
        "? [1, 2]\n: 3",
        "1: 2",
        "1.5: {true: null}",
        "null: 1",
        "2026-01-01: 2026-13-41",
        "seed: !!python/object:os.system x",
        "seed: !x 1",
        "run_dir: ${seed}",
        "run_dir: ${",
        "run_dir: ${nope}",
        "data: ${x}",
        "seed: ${oc.env:HOME}",
        "run_dir: '${oc.create:x}'",
        "seed: ???",
        "model: ???",
        "data: &b {limit: *b}",
        "data: &c [*c]",
        "a: &d [" + "x, " * 9 + "x]\nb: [" + "*d, " * 9 + "*d]",
        "[" * 900,
        "{a: " * 900,
        "data: {sources: [{name: a}, {name: a}]}",
        "data: {sources: {name: a}}",
        "data.sources: x",
        "data.sources[0].name: x",
        "'': 1",
        "'.': 1",
        "a.: 1",
        "dpo: {beta: .nan}",
        "dpo: {beta: 1e999}",
        "seed: 0o7",
        "---",
        "%YAML 9",
        "\t- x",
        "model: {base: {path: [x]}}",
        "eval: {suites: [{name: x, path: y}]}",
    ]
)


@tried(5, 300)
@given(
    text=st.lists(LINES, max_size=4).map("\n".join) | (st.dictionaries(KEYS, SETTINGS, max_size=3) | SETTINGS).map(json.dumps),
    damage=DAMAGE,
)
def test_yaml(text: str, damage: tuple[str, int, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.yaml"
        path.write_bytes(flipped(text.encode(), damage))
        or_told(lambda: load_config(path))


@tried(10, 300)
@given(rows=ROWS, damage=DAMAGE, name=st.sampled_from(["s.jsonl", "s.csv"]))
def test_suites(rows: list[Any], damage: tuple[str, int, bytes], name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        text = "".join(f"{json.dumps(row)}\n" for row in rows) if name.endswith("jsonl") else "prompt\nQ?\n"
        path.write_bytes(flipped(text.encode(), damage))
        or_told(lambda: read_suite(SuiteConfig(name="s", path=str(path), kind="benign")))
