"""Files of completions in the shapes that other programs write, for `primum measure`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.measuring.completion_files import read_completions
from pipeline.measuring.prompts import suites_of
from pipeline.measuring.subjects import subjects_of
from records.errors import ConfigError, RecordError
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


def test_a_file_of_prompts_alone_is_measured_behind_a_model(tmp_path: Path) -> None:
    path = written(tmp_path, "mine.csv", f"question,kind\n{ASKED},benign\nHow is it forged?,\n")
    with pytest.raises(RecordError, match=r"mine\.csv:3: nothing says whether its prompt is"):
        suites_of([str(path)])
    suites = suites_of([str(path)], kind="harmful")
    assert {name: len(rows) for name, rows in suites.items()} == {"benign": 1, "harmful": 1}
    mixed = "prompt,kind,suite\na,benign,mine\nb,harmful,mine\n"
    with pytest.raises(ConfigError, match="suites mine: hold harmful and benign prompts"):
        suites_of([str(written(tmp_path, "mixed.csv", mixed))])
    with pytest.raises(RecordError, match=r"named behind a model, as in `primum measure MODEL"):
        read_completions(path, "benign")


def test_weights_are_no_rows(tmp_path: Path) -> None:
    path = written(tmp_path, "model.gguf", "GGUF")
    with pytest.raises(RecordError, match=r"model\.gguf: holds a model's weights"):
        read_completions(path, None)


def test_a_context_beside_a_prompt_is_not_left_out_in_silence(tmp_path: Path) -> None:
    row = {"prompt": "May I?", "context": "Item 4 is taken with food.", "answer": SAID}
    path = written(tmp_path, "log.jsonl", json.dumps(row))
    with pytest.raises(RecordError, match="'context' may be a part of the prompt beside 'prompt'"):
        read_completions(path, "benign")
