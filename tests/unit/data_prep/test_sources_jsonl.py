"""Rows of JSON Lines and CSV files, in every shape of TRL's formats."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from source_rows import jsonl

from data_prep.config import SourceConfig
from data_prep.sources import read_source
from records.errors import RecordError
from records.rows import text_of

CONVERSATION = '[{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]'


@pytest.mark.parametrize(
    "line",
    [
        '{"prompt": " Q ", "completion": "A\\n"}',
        (
            '{"prompt": [{"role": "user", "content": "Q"}], "completion": [{"role": "assistant",'
            ' "content": "A"}]}'
        ),
        f'{{"messages": {CONVERSATION}}}',
        '{"prompt": "Q", "chosen": "A", "rejected": "B"}',
        f'{{"prompt": "Q", "chosen": {CONVERSATION}, "rejected": []}}',
        f'{{"chosen": {CONVERSATION}, "rejected": []}}',
    ],
)
def test_every_format_of_trl_gives_the_same_demonstration(tmp_path: Path, line: str) -> None:
    (row,) = read_source(jsonl(tmp_path / "rows.jsonl", line), seed=0)
    assert row.prompt == [{"role": "user", "content": "Q"}]
    assert row.completion == [{"role": "assistant", "content": "A"}]


WORSE = '[{"role": "user", "content": "Q"}, {"role": "assistant", "content": "B"}]'


@pytest.mark.parametrize(
    "line",
    [
        '{"prompt": " Q ", "chosen": "A\\n", "rejected": " B"}',
        (
            '{"prompt": [{"role": "user", "content": "Q"}], "chosen": [{"role": "assistant",'
            ' "content": "A"}], "rejected": [{"role": "assistant", "content": "B"}]}'
        ),
        f'{{"prompt": "Q", "chosen": {CONVERSATION}, "rejected": {WORSE}}}',
        f'{{"chosen": {CONVERSATION}, "rejected": {WORSE}}}',
        '{"chosen": "Q A", "rejected": "Q B"}',
        (
            '{"chosen": "\\n\\nHuman: Q\\n\\nAssistant: A", "rejected": "\\n\\nHuman:'
            ' Q\\n\\nAssistant: B"}'
        ),
    ],
)
def test_every_preference_format_of_trl_keeps_the_worse_answer(tmp_path: Path, line: str) -> None:
    (row,) = read_source(jsonl(tmp_path / "rows.jsonl", line), seed=0)
    assert [text_of(part) for part in (row.prompt, row.completion, row.rejected)] == ["Q", "A", "B"]
    assert (row.prompt[0]["role"], row.completion[0]["role"], row.rejected[0]["role"]) == (
        "user",
        "assistant",
        "assistant",
    )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            '{"prompt": "Q", "chosen": "A", "rejected": [{"role": "user", "content": "B"}]}',
            "rejected: a completion holds no user message",
        ),
        (
            f'{{"chosen": {CONVERSATION}, "rejected": [{{"role": "user", "content": "R"}}]}}',
            "chosen and rejected part before the last request",
        ),
        (
            '{"chosen": "A", "rejected": "B"}',
            "there is no prompt, and chosen and rejected do not begin alike",
        ),
        (
            '{"chosen": "Q A", "rejected": "Q A"}',
            "there is no prompt, and chosen and rejected do not begin alike and then differ",
        ),
    ],
)
def test_a_preference_that_cannot_be_one_is_a_fault(tmp_path: Path, line: str, fault: str) -> None:
    with pytest.raises(RecordError, match=f"rows.jsonl:1: {fault}"):
        read_source(jsonl(tmp_path / "rows.jsonl", line), seed=0)


def test_a_preference_without_its_worse_side_is_a_demonstration(tmp_path: Path) -> None:
    lines = [
        '{"prompt": "Q", "chosen": "A", "rejected": ""}',
        '{"prompt": "R", "chosen": "A", "rejected": null}',
        '{"prompt": "S"}',
    ]
    assert [
        row.rejected for row in read_source(jsonl(tmp_path / "rows.jsonl", *lines), seed=0)
    ] == [[], [], []]


def test_packed_lines_are_read_like_plain_ones(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "rows.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write('{"prompt": "Q"}\n')
    jsonl(tmp_path / "more.jsonl", '{"prompt": "P"}')
    rows = read_source(SourceConfig(name="m", format="jsonl", path=str(tmp_path)), seed=0)
    assert [text_of(row.prompt) for row in rows] == ["P", "Q"]


def test_earlier_turns_and_the_system_message_belong_to_the_prompt(tmp_path: Path) -> None:
    turns = ", ".join(
        f'{{"role": "{role}", "content": "{role}"}}'
        for role in ("system", "user", "assistant", "user", "assistant")
    )
    (row,) = read_source(jsonl(tmp_path / "rows.jsonl", f'{{"messages": [{turns}]}}'), seed=0)
    assert [message["role"] for message in row.prompt] == ["system", "user", "assistant", "user"]
    assert len(row.completion) == 1


def test_row_fields_win_over_the_config(tmp_path: Path) -> None:
    line = (
        '{"prompt": "Q", "id": 7, "principle": 3, "kind": "benign", "generator": "g", '
        '"licence": "CC0", "topic": "t", "suite": "s", "twin_id": "x", "else": 1}'
    )
    (row,) = read_source(
        jsonl(tmp_path / "rows.jsonl", line, kind="harmful", licence="MIT", suite="mine"), seed=0
    )
    assert (row.id, row.principle, row.kind, row.generator, row.licence, row.topic) == (
        "7",
        3,
        "benign",
        "g",
        "CC0",
        "t",
    )
    assert (row.suite, row.twin_id) == ("s", "x")


def test_a_csv_has_the_same_columns_and_an_empty_cell_is_no_value(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("question,reply,principle\nQ,A,\nR,,4\n", encoding="utf-8")
    config = SourceConfig(
        name="c", format="jsonl", path=str(path), prompt_field="question", completion_field="reply"
    )
    rows = read_source(config, seed=0)
    assert [(text_of(row.prompt), text_of(row.completion), row.principle) for row in rows] == [
        ("Q", "A", None),
        ("R", "", 4),
    ]


def test_ids_are_stable_across_seeds_and_positions(tmp_path: Path) -> None:
    one = read_source(jsonl(tmp_path / "a.jsonl", '{"prompt": "P"}', '{"prompt": "Q"}'), seed=0)
    two = read_source(jsonl(tmp_path / "b.jsonl", '{"prompt": "Q "}', '{"prompt": "P"}'), seed=5)
    assert [row.id for row in one] == [row.id for row in reversed(two)]


def test_every_faulty_line_is_told_at_once(tmp_path: Path) -> None:
    config = jsonl(
        tmp_path / "rows.jsonl",
        '{"prompt": "fine"}',
        '{"text": "Q"}',
        '{"prompt": " "}',
        '{"prompt": [{"role": "assistant", "content": "A"}]}',
        '{"prompt": [{"role": "narrator", "content": "A"}]}',
        '{"prompt": [{"from": "human"}]}',
        '{"prompt": "Q", "kind": "evil"}',
        '{"prompt": "Q", "principle": 10}',
        '{"prompt": "Q", "completion": [{"role": "user", "content": "A"}]}',
        '{"prompt": 3}',
    )
    with pytest.raises(RecordError) as caught:
        read_source(config, seed=0)
    assert [fault.removeprefix(f"{config.path}:") for fault in caught.value.faults] == [
        "2: no 'prompt' and no 'messages' (columns: text); set the source's prompt_field",
        "3: empty request",
        "4: the last message of the prompt must be the user's, got assistant",
        "5: unknown roles ['narrator']; wanted system, user, assistant, tool",
        '6: \'prompt\' must hold messages {"role": ..., "content": ...}, got an object with from',
        "7: kind must be harmful or benign, got 'evil'",
        "8: principle must be 1 to 9 or absent, got 10",
        "9: a completion holds no user message and ends with the assistant's, got ['user']",
        "10: 'prompt' must be text or a list of messages, got int",
    ]


def test_a_line_that_is_no_json_hides_no_fault_after_it(tmp_path: Path) -> None:
    config = jsonl(
        tmp_path / "rows.jsonl", '{"prompt": "fine"}', "{", '{"text": "Q"}', "[]", '{"prompt": " "}'
    )
    with pytest.raises(RecordError) as caught:
        read_source(config, seed=0)
    assert {
        fault.removeprefix(f"{config.path}:").split(":")[0] for fault in caught.value.faults
    } == {"2", "3", "4", "5"}
