"""Files of completions in the shapes that other programs write, for `primum measure`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.measuring.completion_files import read_completions
from pipeline.measuring.subjects import subjects_of
from records.errors import RecordError
from records.rows import text_of

ASKED, SAID = "May I take item 4 with food?", "Yes, with food."
SHAPES: dict[str, dict[str, Any]] = {
    "two texts": {"prompt": ASKED, "completion": SAID},
    "other names": {"query": ASKED, "reply": SAID},
    "Alpaca's": {"instruction": "May I take item 4", "input": "with food?", "output": SAID},
    "input and output": {"input": ASKED, "output": SAID},
    "messages": {
        "messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": SAID}]
    },
    "ShareGPT's": {
        "conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": SAID}]
    },
    "messages and a response": {
        "messages": [{"role": "user", "content": ASKED}],
        "response": SAID,
    },
    "messages as parts": {
        "prompt": [{"role": "user", "content": [{"type": "text", "text": ASKED}]}],
        "response": [{"role": "assistant", "content": SAID}],
    },
}


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def texts_of(path: Path) -> list[tuple[str, str]]:
    found = []
    for rows in read_completions(path, "benign").values():
        for row in rows:
            found.append((text_of(row.prompt.prompt), text_of(row.completion.completion)))
    return found


@pytest.mark.parametrize("name", SHAPES)
def test_the_shapes_of_logs(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, "log.jsonl", json.dumps(SHAPES[name]) + "\n")
    (asked, said), *more = texts_of(path)
    assert (" ".join(asked.split()), said) == (ASKED, SAID)
    assert not more


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.json", json.dumps([SHAPES["two texts"]])),
        ("log.csv", f'prompt,completion\n"{ASKED}","{SAID}"\n'),
        ("log.tsv", f"question\tresponse\n{ASKED}\t{SAID}\n"),
    ],
)
def test_the_kinds_of_files(name: str, text: str, tmp_path: Path) -> None:
    assert texts_of(written(tmp_path, name, text)) == [(ASKED, SAID)]


def test_a_system_message_and_a_model_that_wrote_nothing_are_kept(tmp_path: Path) -> None:
    row = {"system": "Be brief.", "prompt": ASKED, "completion": "", "model": "org/m"}
    found = read_completions(written(tmp_path, "log.jsonl", json.dumps(row)), "benign")
    (answered,) = found["org/m"]
    assert [message["role"] for message in answered.prompt.prompt] == ["system", "user"]
    assert text_of(answered.completion.completion) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "holds no row"),
        ("[1, 2]", "row 0 (counted from 0): is 1, wanted an object"),
        ('[{"text": "a"}]', "holds no prompt and completion; wanted one of prompt, question"),
        ('[{"prompt": "a"}]', "holds no completion; wanted one of"),
        ('[{"completion": "a"}]', "holds no prompt; wanted one of"),
        (
            '[{"prompt": "a", "question": "b", "answer": "c"}]',
            "'prompt' and 'question' may each be the prompt; leave one of them in",
        ),
        (
            '[{"prompt": "a", "answer": "b", "output": "c"}]',
            "'answer' and 'output' may each be the completion; leave one of them in",
        ),
        ('[{"prompt": 1e999, "answer": "c"}]', "row 0"),
        ('[{"prompt": {"a": 1}, "answer": "c"}]', "'prompt' must hold messages"),
        ('[{"prompt": "a", "answer": "c", "suite": ["x"]}]', "'suite' must be a word"),
        ('[{"prompt": "a", "answer": "c", "kind": "bad"}]', "kind is 'bad'; wanted harmful"),
        ('{"rows": []}', "holds no prompt and completion"),
        ("not json", "not JSON"),
    ],
)
def test_what_is_no_row_of_a_log_is_said_with_its_place(
    text: str, said: str, tmp_path: Path
) -> None:
    path = written(tmp_path, "log.json", text)
    with pytest.raises(RecordError) as caught:
        read_completions(path, "benign")
    assert str(path) in caught.value.faults[0]
    assert said in caught.value.faults[0]


def test_a_table_is_named_as_a_file_of_completions(tmp_path: Path) -> None:
    (subject,) = subjects_of([str(written(tmp_path, "log.csv", "prompt,completion\n"))])
    assert subject.kind == "file"
