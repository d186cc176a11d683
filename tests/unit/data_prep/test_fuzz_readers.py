"""Whatever a file holds, a reader gives rows or says what is wrong: no traceback, and rows in =
rows out + counted.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import Any

import pytest
from fuzzing import (
    CONFIGS,
    DAMAGE,
    GRADED,
    LIKELY,
    ROWS,
    SAFETY,
    VALUES,
    accounts_for_all,
    flipped,
    is_divided,
    read_or_told,
    tried,
)
from hypothesis import given
from hypothesis import strategies as st


@tried(60, 2900)
@given(rows=ROWS, damage=DAMAGE, fields=CONFIGS)
def test_json_lines(
    rows: list[Any], damage: tuple[str, int, bytes], fields: dict[str, Any]
) -> None:
    content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    found = read_or_told(flipped(content, damage), "rows.jsonl", "jsonl", fields)
    accounts_for_all(
        found,
        len(rows)
        if damage[0] in ("none", "mark") and not is_divided(rows) and "limit" not in fields
        else None,
    )


@tried(40, 1500)
@given(
    rows=ROWS,
    damage=DAMAGE,
    fields=CONFIGS,
    delimiter=st.sampled_from(",;\t|"),
    name=st.sampled_from(["rows.csv", "rows.TSV", "rows.csv.gz"]),
)
def test_csv(
    rows: list[Any],
    damage: tuple[str, int, bytes],
    fields: dict[str, Any],
    delimiter: str,
    name: str,
) -> None:
    columns = sorted({column for row in rows for column in row})
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=columns, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    content = flipped(text.getvalue().encode("utf-8", "surrogatepass"), damage)
    accounts_for_all(
        read_or_told(
            gzip.compress(content) if name.endswith("gz") else content, name, "jsonl", fields
        )
    )


@tried(25, 1000)
@given(
    rows=ROWS | VALUES,
    damage=DAMAGE,
    fields=CONFIGS,
    source_format=st.sampled_from(["jsonl", "instruction_json"]),
)
def test_json(
    rows: Any, damage: tuple[str, int, bytes], fields: dict[str, Any], source_format: str
) -> None:
    accounts_for_all(
        read_or_told(flipped(json.dumps(rows).encode(), damage), "rows.json", source_format, fields)
    )


@tried(10, 500)
@given(
    rows=st.lists(LIKELY | GRADED | SAFETY, min_size=1, max_size=4), damage=DAMAGE, fields=CONFIGS
)
def test_parquet(rows: list[Any], damage: tuple[str, int, bytes], fields: dict[str, Any]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = io.BytesIO()
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), table)
    accounts_for_all(
        read_or_told(flipped(table.getvalue(), damage), "rows.parquet", "jsonl", fields)
    )


@tried(10, 500)
@given(
    content=st.binary(max_size=60),
    name=st.sampled_from(
        ["r.jsonl", "r.csv", "r.json", "r.jsonl.gz", "r.tsv", "r.csv.gz", "r.parquet", "r.txt"]
    ),
)
def test_bytes(content: bytes, name: str) -> None:
    accounts_for_all(read_or_told(content, name, "jsonl", {}))


TAGS = st.sampled_from(
    [
        "QAPairs",
        "QAPair",
        "pair",
        "Question",
        "Answer",
        "question",
        "b",
        "!--",
        "?xml",
        "!DOCTYPE x",
    ]
)
XML = st.recursive(
    st.sampled_from(["Q?", "", " A\n b ", "&amp;", "&x;", "<![CDATA[<b>]]>", "<!-- c -->", "<"]),
    lambda inner: st.builds(
        lambda tag, held: f"<{tag} qid='1' qtype='t'>{''.join(held)}</{tag}>",
        TAGS,
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)
PAIR = "<QAPair><Question qid='1' qtype='t'>{}</Question><Answer>{}</Answer></QAPair>"
DOCUMENTS = st.builds(
    lambda inner: f"<Document><QAPairs>{inner}</QAPairs></Document>",
    XML | st.builds(PAIR.format, XML, XML),
)


@tried(15, 1000)
@given(
    text=DOCUMENTS,
    damage=DAMAGE,
    head=st.sampled_from(
        [
            "",
            '<?xml version="1.0" encoding="UTF-16"?>',
            '<?xml version="1.0" encoding="x"?>',
            '<?xml version="1.0" encoding="big5"?>',
        ]
    ),
)
def test_xml(text: str, damage: tuple[str, int, bytes], head: str) -> None:
    accounts_for_all(
        read_or_told(flipped((head + text).encode(), damage), "topic.xml", "medquad", {})
    )
