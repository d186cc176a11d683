from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from source_rows import jsonl

from data_prep.config import SourceConfig
from data_prep.sources import read_source
from records.errors import RecordError
from records.rows import text_of


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


def test_a_path_that_a_format_would_not_read_is_refused() -> None:
    """`- {name: mine, path: mine.jsonl}` forgets the format, and builtin would be read instead."""
    with pytest.raises(ValueError, match=r"'mine\.jsonl', and format builtin reads no file"):
        SourceConfig(name="mine", path="mine.jsonl")
