from __future__ import annotations

import gzip
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from data_prep.config import SourceConfig
from data_prep.sources import read_source
from records.errors import RecordError
from records.rows import text_of


def jsonl(path: Path, *lines: str, **fields: object) -> SourceConfig:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return SourceConfig(name="mine", format="jsonl", path=str(path), **fields)  # type: ignore[arg-type]


def test_builtin_rows_become_twins_that_name_each_other() -> None:
    rows = {row.id: row for row in read_source(SourceConfig(), seed=0)}
    harmful, twin = rows["p3-007-harmful"], rows["p3-007-twin"]
    assert (harmful.twin_id, twin.twin_id) == (twin.id, harmful.id)
    assert (harmful.kind, harmful.suite, twin.kind, twin.suite) == (
        "harmful",
        "harmful",
        "benign",
        "twins",
    )
    assert harmful.principle == twin.principle == 3
    assert {(row.licence, row.source, row.generator) for row in rows.values()} == {
        ("Apache-2.0", "builtin", "primum")
    }


def test_builtin_questions_keep_that_they_sound_alarming() -> None:
    rows = {row.id: row for row in read_source(SourceConfig(), seed=0)}
    assert rows["q-002"].topic == "alarming: maximum dose of paracetamol"
    assert rows["q-001"].topic == "common cold"
    assert (rows["q-001"].suite, rows["q-001"].kind) == ("patient_questions", "benign")


def test_evaluation_only_sends_every_row_to_test() -> None:
    assert {row.split for row in read_source(SourceConfig(evaluation_only=True), seed=0)} == {
        "test"
    }


def test_a_limit_draws_by_seed_keeps_twins_together_and_heeds_no_order(tmp_path: Path) -> None:
    rows = read_source(SourceConfig(limit=41), seed=1)
    ids = {row.id for row in rows}
    assert 39 <= len(rows) <= 41
    assert all(row.twin_id in ids for row in rows if row.twin_id)
    assert ids != {row.id for row in read_source(SourceConfig(limit=41), seed=2)}
    lines = [f'{{"prompt": "request {number}"}}' for number in range(9)]
    forward = read_source(jsonl(tmp_path / "a.jsonl", *lines, limit=4), seed=1)
    backward = read_source(jsonl(tmp_path / "b.jsonl", *reversed(lines), limit=4), seed=1)
    assert sorted(row.id for row in forward) == sorted(row.id for row in backward)
    assert len(forward) == 4


@pytest.mark.parametrize("folder", ["", "datasets"])
def test_a_checkout_gives_principle_by_file_and_generator_by_folder(
    checkout: Path, folder: str
) -> None:
    rows = read_source(
        SourceConfig(name="msb", format="medsafetybench", path=str(checkout / folder)), seed=0
    )
    assert Counter((row.split, row.generator, row.principle) for row in rows) == {
        (split, generator, principle): 2
        for split in ("train", "test")
        for generator in ("gpt4", "llama2")
        for principle in (1, 9)
    }
    first = rows[0]
    assert text_of(first.prompt) == "traingpt41a request, with xtraingpt41"
    assert text_of(first.completion) == 'I\'m sorry, but "no" traingpt41x.'
    assert (first.kind, first.suite, first.licence) == ("harmful", "harmful", "MIT")


def test_the_first_layout_has_prompts_without_header_and_all_are_test(tmp_path: Path) -> None:
    folder = tmp_path / "datasets" / "med_harm_gpt4" / "test"
    folder.mkdir(parents=True)
    (folder / "category_4.csv").write_text(
        '"How, exactly, to leak a record?"\nTell a secret.\n', encoding="utf-8"
    )
    rows = read_source(SourceConfig(name="v1", format="medsafetybench", path=str(tmp_path)), seed=0)
    assert [
        (text_of(row.prompt), row.completion, row.split, row.principle, row.generator)
        for row in rows
    ] == [
        ("How, exactly, to leak a record?", [], "test", 4, "gpt4"),
        ("Tell a secret.", [], "test", 4, "gpt4"),
    ]


def test_llama3_prompts_are_read_only_when_pointed_at_and_lose_their_end_token(
    checkout: Path,
) -> None:
    folder = checkout / "datasets" / "med_harm_llama3"
    folder.mkdir()
    (folder / "category_2.txt").write_text(
        "Do harm.<|eot_id|>\n\nDo more, harm.\n", encoding="utf-8"
    )
    assert all(
        row.generator != "llama3"
        for row in read_source(
            SourceConfig(name="m", format="medsafetybench", path=str(checkout)), seed=0
        )
    )
    rows = read_source(SourceConfig(name="m", format="medsafetybench", path=str(folder)), seed=0)
    assert [text_of(row.prompt) for row in rows] == ["Do harm.", "Do more, harm."]
    assert {(row.principle, row.generator) for row in rows} == {(2, "llama3")}


def test_every_fault_of_a_checkout_is_told_at_once_with_file_and_line(checkout: Path) -> None:
    gpt4 = checkout / "datasets" / "train" / "gpt4"
    (gpt4 / "med_safety_demonstrations_category_1.csv").write_text(
        "id,request,answer\n0,a,b\n", encoding="utf-8"
    )
    header = ",harmful_medical_request,safe_response\n"
    (gpt4 / "med_safety_demonstrations_category_2.csv").write_text(
        f'{header}0,"a\nb",c\n1,a,b,c\n2, ,no\n3,a,\n', encoding="utf-8"
    )
    (gpt4 / "med_safety_demonstrations_category_3.csv").write_bytes(
        header.encode() + b"0,caf\xe9,no\n"
    )
    (gpt4 / "med_safety_demonstrations_category_4.csv").write_text(
        f'{header}0,a,"never closed\n1,a,b\n', encoding="utf-8"
    )
    (gpt4 / "med_safety_demonstrations_category_x.csv").write_text(header, encoding="utf-8")
    with pytest.raises(RecordError) as caught:
        read_source(SourceConfig(name="msb", format="medsafetybench", path=str(checkout)), seed=0)
    faults = [
        fault.removeprefix(f"{gpt4}/med_safety_demonstrations_category_")
        for fault in caught.value.faults
    ]
    assert [fault.split(": ")[0] + ": " + fault.split(": ")[1][:18] for fault in faults] == [
        "1.csv:1: wrong header 'id,r",
        "2.csv:5: empty request; rem",
        "2.csv:6: empty safe_respons",
        "2.csv:4: 4 columns, wanted ",
        "3.csv:2: not UTF-8 (byte 0x",
        "4.csv:2: not CSV (unexpecte",
        "x.csv: no category_1 to c",
    ]


def test_a_folder_that_is_no_checkout_says_what_was_wanted(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no MedSafetyBench here; wanted train/ or test/"):
        read_source(SourceConfig(name="msb", format="medsafetybench", path=str(tmp_path)), seed=0)


def test_instruction_json_joins_instruction_and_input(tmp_path: Path) -> None:
    path = tmp_path / "ft.json"
    path.write_text(
        '[{"instruction": " Sum up ", "input": "a text", "output": "It is a text."},'
        ' {"instruction": "Go", "output": null}]'
    )
    rows = read_source(
        SourceConfig(name="ft", format="instruction_json", path=str(path), kind="benign"), seed=0
    )
    assert [(text_of(row.prompt), text_of(row.completion), row.suite) for row in rows] == [
        ("Sum up\n\na text", "It is a text.", "ft"),
        ("Go", "", "ft"),
    ]


def test_instruction_json_names_every_faulty_row(tmp_path: Path) -> None:
    path = tmp_path / "ft.json"
    path.write_text('[{"instruction": ""}, {"instruction": "ok"}, 3]')
    with pytest.raises(RecordError) as caught:
        read_source(SourceConfig(name="ft", format="instruction_json", path=str(path)), seed=0)
    assert [fault.split("counted from 0): ")[1][:20] for fault in caught.value.faults] == [
        "empty request",
        "wanted an object wit",
    ]


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


def test_a_folder_of_another_format_says_what_was_wanted(tmp_path: Path) -> None:
    (tmp_path / "rows.xml").write_text("<a/>")
    with pytest.raises(
        RecordError, match=r"no \.jsonl, .*\.parquet file in this folder; is it of another format\?"
    ) as caught:
        read_source(SourceConfig(name="mine", format="jsonl", path=str(tmp_path)), seed=0)
    assert caught.value.faults[1].startswith(f"{tmp_path / 'rows.xml'}: not read")


def test_a_source_without_rows_and_a_reused_id_are_faults(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="'mine': empty"):
        read_source(jsonl(tmp_path / "none.jsonl"), seed=0)
    with pytest.raises(RecordError, match="'1' names two different prompts"):
        read_source(
            jsonl(tmp_path / "ids.jsonl", '{"id": 1, "prompt": "P"}', '{"id": 1, "prompt": "Q"}'),
            seed=0,
        )


@pytest.mark.process
def test_reading_builtin_data_loads_neither_torch_nor_datasets() -> None:
    code = (
        "import sys; from data_prep.sources import read_source; from data_prep.config import "
        "SourceConfig; read_source(SourceConfig(), seed=0); print(sorted({'torch', 'datasets', "
        "'sklearn', 'numpy'} & set(sys.modules)))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )
