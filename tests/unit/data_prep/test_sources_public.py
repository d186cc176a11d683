"""Public sets in their own layouts, small ones made here; test_sources_real.py reads the real
ones.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep.sources import source_counts
from records.errors import RecordError
from records.rows import Demonstration, text_of

Read = Callable[..., list[Demonstration]]


def faults_of(read: Read, source_format: str, path: Path) -> list[str]:
    with pytest.raises(RecordError) as caught:
        read(source_format, path)
    return [fault.removeprefix(f"{path}/").removeprefix(f"{path}") for fault in caught.value.faults]


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def lines(path: Path, *rows: Any) -> Path:
    return write(path, "".join(f"{json.dumps(row)}\n" for row in rows))


def dialogue(*turns: str) -> str:
    """Human and Assistant in turn, the Human first."""
    return "".join(
        f"\n\n{('Human', 'Assistant')[number % 2]}: {text}" for number, text in enumerate(turns)
    )


# hh-rlhf


def test_transcripts_become_messages_with_both_answers(tmp_path: Path, read: Read) -> None:
    row = {
        "chosen": dialogue("Hi", "Hello.", "Tea?", "Yes.\n\nGreen or black?"),
        "rejected": dialogue("Hi", "Hello.", "Tea?", "No."),
    }
    packed = tmp_path / "harmless-base_test.jsonl.gz"
    with gzip.open(packed, "wt", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    plain = lines(tmp_path / "pairs" / "mine.jsonl", row)
    (one,), (two,) = read("hh_rlhf", packed), read("hh_rlhf", plain, kind="benign")
    assert [(m["role"], m["content"]) for m in one.prompt] == [
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "Tea?"),
    ]
    assert (text_of(one.completion), text_of(one.rejected)) == ("Yes.\n\nGreen or black?", "No.")
    assert (one.kind, one.suite, one.licence, one.split) == (
        "harmful",
        "set_harmless",
        "MIT",
        "train",
    )
    assert (two.kind, two.suite, two.prompt) == ("benign", "set", one.prompt)


def test_sides_that_answer_different_prompts_are_counted_and_no_preference(
    tmp_path: Path, read: Read
) -> None:
    rows = read(
        "hh_rlhf",
        lines(
            tmp_path / "a.jsonl",
            {"chosen": dialogue("P", "A"), "rejected": dialogue("Q", "B")},
            {"chosen": dialogue("P2", "A"), "rejected": dialogue("P2", "B", "more?", "C")},
            {"chosen": dialogue("P3", ""), "rejected": dialogue("P3", "B")},
            {"chosen": dialogue("P4", "A"), "rejected": dialogue("P4", "B")},
        ),
    )
    assert [text_of(row.rejected) for row in rows] == ["", "", "B", "B"]
    assert source_counts(rows) == {"set": {"rows": 4, "answered": 3, "preferences": 1}}


def test_a_checkout_tells_kind_by_folder_and_keeps_its_test_files_for_testing(
    tmp_path: Path, read: Read
) -> None:
    for folder, name in (
        ("harmless-base", "train"),
        ("helpful-online", "train"),
        ("helpful-online", "test"),
    ):
        lines(
            tmp_path / folder / f"{name}.jsonl",
            {
                "chosen": dialogue(f"{folder} {name}", "A"),
                "rejected": dialogue(f"{folder} {name}", "B"),
            },
        )
    lines(tmp_path / "red-team-attempts" / "attempts.jsonl", {"transcript": "x"})
    rows = {
        text_of(row.prompt): (row.kind, row.suite, row.split) for row in read("hh_rlhf", tmp_path)
    }
    assert rows == {
        "harmless-base train": ("harmful", "set_harmless", "train"),
        "helpful-online train": ("benign", "set_helpful", "train"),
        "helpful-online test": ("benign", "set_helpful", "test"),
    }
    assert {row.suite for row in read("hh_rlhf", tmp_path, only=["set_helpful"])} == {"set_helpful"}


def test_every_broken_line_of_hh_rlhf_is_told(tmp_path: Path, read: Read) -> None:
    lines(
        tmp_path / "a.jsonl",
        {"chosen": "hello", "rejected": "bye"},
        {"transcript": "x"},
        {"chosen": dialogue(""), "rejected": dialogue("")},
    )
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'{"chosen": 1}\n' * 500)[:-30])
    (tmp_path / "c.jsonl.gz").write_bytes(b"no gzip at all")
    assert [fault[:52] for fault in faults_of(read, "hh_rlhf", tmp_path)] == [
        "a.jsonl:1: wanted a transcript that begins with an e",
        "a.jsonl:2: wanted the texts 'chosen' and 'rejected',",
        "a.jsonl:3: empty request",
        "b.jsonl.gz: not a whole gzip file (Compressed file e",
        "c.jsonl.gz: not a whole gzip file (Not a gzipped fil",
    ]


# Safety-Tuned LLaMAs


@pytest.fixture
def safety_tuned(tmp_path: Path) -> Path:
    root = tmp_path / "stl"
    rows = [
        {"instruction": "Be mean", "input": "", "output": "I would rather not."},
        {"instruction": "Be rude", "input": "", "output": ""},
    ]
    write(root / "training" / "safety_only_data_Instructions.json", rows)
    write(root / "training" / "saferpaca_Instructions_100.json", rows)
    write(
        root / "evaluation" / "I-Alpaca.json",
        {"instructions": ["Name a tree.", "Name a bird."], "inputs": []},
    )
    write(root / "evaluation" / "Q-Harm.json", {"instructions": ["What is rude?"], "inputs": []})
    return root


def test_training_rows_are_free_and_prompts_are_for_evaluation(
    safety_tuned: Path, read: Read
) -> None:
    rows = read("safety_tuned_llamas", safety_tuned)
    assert Counter((row.suite, row.kind, row.split, bool(row.completion)) for row in rows) == {
        ("set", "harmful", "train", True): 1,
        ("set", "harmful", "train", False): 1,
        ("set_i_alpaca", "benign", "test", False): 2,
        ("set_q_harm", "harmful", "test", False): 1,
    }
    assert {row.licence for row in rows} == {"CC-BY-NC-4.0"}
    assert read("safety_tuned_llamas", safety_tuned / "training", limit=1) != []
    assert {row.split for row in read("safety_tuned_llamas", safety_tuned / "evaluation")} == {
        "test"
    }
    assert {
        row.split for row in read("safety_tuned_llamas", safety_tuned, evaluation_only=True)
    } == {"test"}


def test_a_prompt_file_of_unknown_kind_a_mixture_and_broken_rows_are_faults(
    safety_tuned: Path, read: Read
) -> None:
    write(safety_tuned / "evaluation" / "I-New.json", {"instructions": ["?"]})
    write(safety_tuned / "evaluation" / "I-CoNa.json", ["not", "an", "object"])
    write(safety_tuned / "evaluation" / "Q-Harm.json", {"instructions": [" ", 3]})
    write(safety_tuned / "training" / "more.json", [{"instruction": 3}, "text"])
    write(safety_tuned / "training" / "broken.json", "[{")
    assert [fault[:74] for fault in faults_of(read, "safety_tuned_llamas", safety_tuned)] == [
        "training/broken.json: not JSON (Expecting property name enclosed in double",
        "training/more.json: row 0 (counted from 0): wanted a text as instruction a",
        "training/more.json: row 1 (counted from 0): wanted a text as instruction a",
        "evaluation/I-CoNa.json: wanted an object with a list 'instructions', got l",
        "evaluation/I-New.json: unknown evaluation file; wanted one of I-Alpaca, I-",
        "evaluation/Q-Harm.json: instructions[0] (counted from 0): empty request",
        "evaluation/Q-Harm.json: instructions[1] (counted from 0): wanted a text as",
    ]
    (fault,) = faults_of(
        read, "safety_tuned_llamas", safety_tuned / "training" / "saferpaca_Instructions_100.json"
    )
    assert "take safety_only_data_Instructions.json" in fault


# MedQuAD

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


# K-QA


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


# XSTest


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


# PubMedQA

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
