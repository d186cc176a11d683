"""What files from outside are made of, and how fuzz tests try them: a few inputs that are always
the same, thousands with `make fuzz`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from data_prep.config import SourceConfig
from data_prep.near_duplicates.duplicates import drop_duplicates, prompt_rows
from data_prep.sources import read_table, source_counts
from data_prep.sources.rows import SourceRows
from data_prep.sources.shapes import KNOWN
from records.errors import PrimumError

HANGS_AFTER = timedelta(seconds=5)
FUZZES = settings.get_current_profile_name() == "fuzz"


def tried(few: int, many: int) -> Callable[[Any], Any]:
    """`few` inputs that are always the same, or `many` new ones under the profile."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    deadline = HANGS_AFTER if FUZZES else None
    return settings(
        max_examples=many if FUZZES else few,
        derandomize=not FUZZES,
        suppress_health_check=checks,
        deadline=deadline,
    )


TEXTS = st.sampled_from(
    [
        "",
        " ",
        "Q?",
        "No.",
        "None",
        "true",
        "0",
        "3.5",
        "\ufeff",
        "\ud800",
        "a\x00b",
        "=1+1",
        "x;y\tz",
        "\n\nHuman: Q\n\nAssistant: A",
    ]
)
WORDS = TEXTS | st.text(st.characters(exclude_categories=()), max_size=12)
ROLES = st.sampled_from(["user", "assistant", "system", "human", "gpt", "tool", "narrator"])
MESSAGE = st.fixed_dictionaries({"role": ROLES, "content": WORDS}) | st.fixed_dictionaries(
    {"from": ROLES, "value": WORDS}
)
MESSAGES = st.lists(MESSAGE, max_size=3)
DIALOGUE = st.builds(
    lambda q, a: [{"role": "user", "content": q}, {"role": "assistant", "content": a}],
    st.sampled_from(["Q?", "R?"]),
    st.sampled_from(["No.", "Yes."]),
)
SPELLED = (
    (MESSAGES | DIALOGUE).map(repr)
    | (MESSAGES | DIALOGUE).map(json.dumps)
    | MESSAGES.map(lambda m: repr(m).replace(",", ""))
)
NUMBERS = st.booleans() | st.integers(-2, 11) | st.floats(width=32) | st.integers()
SCORED = st.lists(
    st.fixed_dictionaries(
        {"response": WORDS}, optional={"overall_score": NUMBERS | WORDS, "rank": NUMBERS}
    ),
    max_size=3,
)
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
    {
        "prompt": st.sampled_from(["Q?", "R?"]),
        "response": st.sampled_from(["a", "b", "c"]),
        "helpfulness": st.integers(0, 4),
    }
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
ROWS = st.lists(LIKELY | GRADED | SAFETY, max_size=6) | st.lists(
    ANY_ROW | LIKELY, min_size=1, max_size=2
)


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
    st.sampled_from(
        ["none", "none", "none", "cut", "insert", "replace", "mark", "utf-16", "twice"]
    ),
    st.integers(0, 500),
    st.binary(max_size=4),
)
CONFIGS = st.sampled_from(
    [
        {},
        {"kind": "benign"},
        {"prompt_field": "question", "completion_field": "reply"},
        {"ignore": ["label", "lang"]},
        {"limit": 1},
    ]
)


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


def read_or_told(
    content: bytes, name: str, source_format: Any, fields: dict[str, Any]
) -> SourceRows | None:
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
    assert (
        len(kept) + len(dropped)
        == len(found.rows)
        == sum(count["rows"] for count in source_counts(found.rows).values())
    )
    prompts = {row.id: row for row in prompt_rows(kept)}
    assert len({row.id for row in kept}) == len(kept)
    assert all(prompts[row.asks].prompt == row.prompt for row in kept)


def is_divided(rows: list[Any]) -> bool:
    """Whether a row may give several preferences, or a limit takes some away."""
    return any(name in row for row in rows for name in ("completions", "answers", "responses"))
