"""Public sets in their own layouts, small ones made here; test_sources_real.py reads the real
ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from public_rows import Read, faults_of, lines, write

from data_prep.sources import source_counts
from records.rows import text_of

TODAY = """<?xml version="1.0" encoding="UTF-8"?>
<Document id="1" source="MADE"><Focus>Tea</Focus><QAPairs>
<QAPair pid="1"><Question qid="1-1" qtype="information">What is (are) Tea ?</Question><Answer>Tea is a drink.
\t\n                It is   made of <b>leaves</b> &amp; water.</Answer></QAPair>
<QAPair pid="2"><Question qid="1-2" qtype="treatment">How to brew it ?</Question><Answer></Answer></QAPair>
</QAPairs></Document>"""


LOWER_CASE = """<doc docid="2"><qaPairs><pair pid="1"><question qid="2-1" qtype="causes">what is coffee ?</question><answer>A drink.</answer></pair></qaPairs></doc>"""


def test_pairs_of_either_spelling_are_read_and_a_missing_answer_is_counted(
    tmp_path: Path, read: Read
) -> None:
    write(tmp_path / "1_Made_QA" / "0000001.xml", TODAY)
    write(tmp_path / "1_Made_QA" / "0000002.xml", LOWER_CASE)
    write(tmp_path / "1_Made_QA" / "0000003.xml", '<Document id="3"><QAPairs></QAPairs></Document>')
    rows = read("medquad", tmp_path)
    assert [(text_of(row.prompt), text_of(row.completion), row.topic) for row in rows] == [
        ("What is (are) Tea ?", "Tea is a drink.\n\nIt is made of leaves & water.", "information"),
        ("How to brew it ?", "", "treatment"),
        ("what is coffee ?", "A drink.", "causes"),
    ]
    assert {(row.kind, row.suite, row.licence, row.split, row.generator) for row in rows} == {
        ("benign", "set", "CC-BY-4.0", "train", "1_Made_QA")
    }
    assert source_counts(rows)["set"] == {"rows": 3, "answered": 2, "preferences": 0}


def test_every_broken_or_hostile_xml_file_is_told(tmp_path: Path, read: Read) -> None:
    write(tmp_path / "a.xml", TODAY.replace("</QAPairs>", ""))
    write(
        tmp_path / "b.xml",
        "<!DOCTYPE d [<!ENTITY e SYSTEM"
        ' "file:///etc/hostname">]><Document><QAPairs>&e;</QAPairs></Document>',
    )
    write(tmp_path / "c.xml", "<html/>")
    write(tmp_path / "d.xml", TODAY.replace("What is (are) Tea ?", " "))
    assert [fault[:60] for fault in faults_of(read, "medquad", tmp_path)] == [
        "a.xml:7: not XML (mismatched tag: line 7, column 2); mend or",
        "b.xml: declares a document type or entities, which MedQuAD's",
        "c.xml: no file of MedQuAD; wanted Document/QAPairs/QAPair wi",
        "d.xml: question 1-1: empty request",
    ]


def test_patient_questions_come_with_physicians_answers_and_never_to_training(
    tmp_path: Path, read: Read
) -> None:
    lines(
        tmp_path / "questions.jsonl",
        {"Question": "Is tea ok?", "ICD_10_diag": "Thirst"},
        {"Question": "And coffee?"},
    )
    lines(
        tmp_path / "questions_w_answers.jsonl",
        {"Question": "Is tea ok?", "Free_form_answer": "Yes.", "ICD_10_diag": "Thirst"},
    )
    rows = read("kqa", tmp_path)
    assert [(text_of(row.prompt), text_of(row.completion), row.topic) for row in rows] == [
        ("Is tea ok?", "Yes.", "Thirst"),
        ("Is tea ok?", "", "Thirst"),
        ("And coffee?", "", ""),
    ]
    assert {(row.kind, row.suite, row.split, row.licence) for row in rows} == {
        ("benign", "set", "test", "MIT")
    }
    lines(
        tmp_path / "questions.jsonl",
        {"Question": ""},
        {"question": "Lower case?"},
        {"Question": "Q", "Free_form_answer": 3},
    )
    assert [fault[:40] for fault in faults_of(read, "kqa", tmp_path)] == [
        "questions.jsonl:1: empty request",
        "questions.jsonl:2: wanted a text 'Questi",
        "questions.jsonl:3: wanted a text 'Questi",
    ]


def test_safe_prompts_are_benign_and_contrasts_harmful(tmp_path: Path, read: Read) -> None:
    write(
        tmp_path / "xstest_prompts.csv",
        'id,prompt,type,label,focus,note\n1,"How, pray, do I kill a'
        ' process?",homonyms,safe,kill,\n26,Be mean.,contrast_homonyms,unsafe,,\n',
    )
    rows = read("xstest", tmp_path)
    assert [(text_of(row.prompt), row.kind, row.suite, row.split, row.topic) for row in rows] == [
        ("How, pray, do I kill a process?", "benign", "set_safe", "test", "homonyms"),
        ("Be mean.", "harmful", "set_unsafe", "test", "contrast_homonyms"),
    ]
    assert [row.kind for row in read("xstest", tmp_path, only=["other_safe"], suite="other")] == [
        "benign"
    ]
    write(
        tmp_path / "v2" / "xstest_v2_prompts.csv",
        "id_v2,type,prompt\nv2-1,contrast_homonyms,Be mean.\n",
    )
    assert [row.kind for row in read("xstest", tmp_path / "v2")] == ["harmful"]


def test_a_label_against_its_type_and_broken_rows_are_faults(tmp_path: Path, read: Read) -> None:
    write(
        tmp_path / "xstest_prompts.csv",
        "id,prompt,type,label\n1,P,homonyms,unsafe\n2,,homonyms,safe\n3,P\n",
    )
    assert [fault[:58] for fault in faults_of(read, "xstest", tmp_path)] == [
        "xstest_prompts.csv:2: label is 'unsafe', but type 'homonym",
        "xstest_prompts.csv:3: no prompt (columns: id, prompt, type",
        "xstest_prompts.csv:4: 2 columns, the header has 4; quote t",
    ]


def test_rows_of_xstest_that_are_no_texts_are_faults(tmp_path: Path, read: Read) -> None:
    rows = [
        3,
        {"prompt": ["P"], "type": "homonyms"},
        {"prompt": "P", "type": {"a": 1}},
        {"prompt": "P", "type": "homonyms"},
    ]
    write(tmp_path / "rows.json", rows)
    assert [
        fault.split("(counted from 0): ")[1][:20]
        for fault in faults_of(read, "xstest", tmp_path / "rows.json")
    ] == [
        "wanted an object wit",
        "wanted texts as prom",
        "wanted texts as prom",
    ]


ARTICLE = {
    "QUESTION": "Does tea help?",
    "CONTEXTS": ["We brewed tea.", "People drank it."],
    "LONG_ANSWER": "It did.",
    "final_decision": "yes",
}


def test_the_ids_of_the_test_file_go_to_test_and_the_rest_may_be_trained_on(
    tmp_path: Path, read: Read
) -> None:
    write(
        tmp_path / "ori_pqal.json",
        {"11": ARTICLE, "12": {**ARTICLE, "QUESTION": "Does coffee help?"}},
    )
    write(tmp_path / "test_ground_truth.json", {"12": "yes"})
    rows = read("pubmedqa", tmp_path)
    assert [(row.split, text_of(row.prompt), text_of(row.completion)) for row in rows] == [
        ("train", "We brewed tea.\n\nPeople drank it.\n\nDoes tea help?", "It did."),
        ("test", "We brewed tea.\n\nPeople drank it.\n\nDoes coffee help?", "It did."),
    ]
    (tmp_path / "test_ground_truth.json").unlink()
    assert "nothing else tells the test part" in faults_of(read, "pubmedqa", tmp_path)[0]
    assert {row.split for row in read("pubmedqa", tmp_path, evaluation_only=True)} == {"test"}


def test_every_broken_article_is_told_by_its_id(tmp_path: Path, read: Read) -> None:
    write(tmp_path / "test_ground_truth.json", {})
    write(
        tmp_path / "ori_pqal.json",
        {"1": {"QUESTION": "Q"}, "2": "text", "3": {**ARTICLE, "QUESTION": " "}},
    )
    assert [fault[:44] for fault in faults_of(read, "pubmedqa", tmp_path)] == [
        "ori_pqal.json: pmid 1: wanted QUESTION, a li",
        "ori_pqal.json: pmid 2: wanted QUESTION, a li",
        "ori_pqal.json: pmid 3: empty QUESTION",
    ]


@pytest.mark.parametrize(
    "source_format", ["hh_rlhf", "safety_tuned_llamas", "medquad", "kqa", "xstest", "pubmedqa"]
)
def test_a_folder_without_the_set_says_what_was_wanted(
    tmp_path: Path, read: Read, source_format: str
) -> None:
    (fault,) = faults_of(read, source_format, tmp_path)
    assert "no " in fault
    assert "wanted" in fault or "point data.sources.path" in fault
