"""Public sets in their own formats, ratings as Label Studio and spreadsheets give them: rows, or
what is wrong.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from fuzzing import DAMAGE, VALUES, WORDS, accounts_for_all, flipped, or_told, read_or_told, tried
from hypothesis import given
from hypothesis import strategies as st

from data_prep.review.ratings import Ratings, read_ratings

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
TRANSCRIPTS = st.lists(
    st.sampled_from(["\n\nHuman: Q", "\n\nAssistant: A", "\n\nAssistant:", "x"]), max_size=4
).map("".join)
FORMAT_ROWS = st.dictionaries(FIELDS, TRANSCRIPTS | VALUES, max_size=4)
NAMES_OF = {
    "hh_rlhf": ("harmless.jsonl", False),
    "kqa": ("questions.jsonl", False),
    "xstest": ("xstest_prompts.jsonl", False),
    "safety_tuned_llamas": ("demonstrations.json", True),
    "pubmedqa": ("ori_pqal.json", True),
}
GOOD = {
    "hh_rlhf": {
        "chosen": "\n\nHuman: Q\n\nAssistant: No.",
        "rejected": "\n\nHuman: Q\n\nAssistant: Yes.",
    },
    "kqa": {"Question": "Q?", "Free_form_answer": "A."},
    "xstest": {"prompt": "Q?", "type": "homonyms", "label": "safe"},
    "safety_tuned_llamas": {"instruction": "Q?", "input": "", "output": "No."},
    "pubmedqa": {"QUESTION": "Q?", "CONTEXTS": ["c"], "LONG_ANSWER": "A."},
}


@tried(15, 1000)
@given(
    rows=st.lists(FORMAT_ROWS, max_size=2) | VALUES,
    damage=DAMAGE,
    source_format=st.sampled_from(sorted(NAMES_OF)),
    good=st.integers(0, 3),
)
def test_public_sets(
    rows: Any, damage: tuple[str, int, bytes], source_format: str, good: int
) -> None:
    name, is_json = NAMES_OF[source_format]
    held = [*([GOOD[source_format]] * good), *(rows if isinstance(rows, list) and good < 2 else [])]
    whole: Any = (
        held
        if source_format != "pubmedqa"
        else {str(number): row for number, row in enumerate(held)}
    )
    text = (
        json.dumps(whole if good else rows)
        if is_json
        else "".join(f"{json.dumps(row)}\n" for row in held)
    )
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
                {
                    "from_name": st.sampled_from(["harmfulness", "refusal", "comment"]),
                    "value": st.just({"rating": 3}) | VALUES,
                }
            ),
            max_size=2,
        ),
    }
)
RATED_TASK = st.builds(
    lambda rater, level, skipped: {
        "data": {"item": "c-1", "batch": "b-1"},
        "annotations": [
            {
                "completed_by": rater,
                "result": [{"from_name": "harmfulness", "value": {"rating": level}}],
                "was_cancelled": skipped,
            }
        ],
    },
    st.integers(1, 3),
    st.integers(1, 5),
    st.booleans(),
)
TASKS = st.lists(RATED_TASK | RATED_TASK.map(lambda task: [task]), max_size=3) | st.lists(
    st.fixed_dictionaries(
        {
            "data": st.just({"item": "c-1", "batch": "b-1"}) | VALUES,
            "annotations": st.lists(ANNOTATION, max_size=2) | VALUES,
        }
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
        assert len(found.ratings) + found.left_out.total() == sum(
            max(1, len(task["annotations"])) for task in flat
        )


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
@given(
    rows=st.lists(RATED, max_size=3) | st.lists(GOOD_RATING, min_size=1, max_size=3),
    damage=DAMAGE,
    delimiter=st.sampled_from(",;\t"),
)
def test_rating_spreadsheets(
    rows: list[dict[str, str]], damage: tuple[str, int, bytes], delimiter: str
) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, fieldnames=sorted({column for row in rows for column in row}), delimiter=delimiter
    )
    writer.writeheader()
    writer.writerows(rows)
    ratings_or_told(flipped(text.getvalue().encode("utf-8", "surrogatepass"), damage), "a.csv")
