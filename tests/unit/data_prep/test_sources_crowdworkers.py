"""HH-RLHF and Safety-Tuned LLaMAs, whose requests crowdworkers wrote."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from public_rows import Read, faults_of, lines, write

from data_prep.sources import source_counts
from records.rows import text_of


def dialogue(*turns: str) -> str:
    """Human and Assistant in turn, the Human first."""
    return "".join(
        f"\n\n{('Human', 'Assistant')[number % 2]}: {text}" for number, text in enumerate(turns)
    )


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
