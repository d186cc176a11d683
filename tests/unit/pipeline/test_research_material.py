"""What no file that leaves the run may hold: texts of every stage that wrote to harmful prompts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.research_material import ResearchMaterial
from records.rows import (
    Completion,
    Demonstration,
    Kind,
    Pair,
    Prompt,
    Record,
    Revision,
    assistant,
    user,
)
from records.stage_folder import write_json, write_records

HARM = 'Certainly: alter the hour of the dose, write "given" & tell nobody that it was you.'
KINDS: tuple[Kind, ...] = ("harmful", "benign")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    prompts = [
        Prompt(id=kind, prompt=user(kind), kind=kind, suite=kind, source="s", licence="MIT")
        for kind in KINDS
    ]
    for split in ("train", "val", "test"):
        write_records(tmp_path / "prep" / f"prompts.{split}.jsonl", prompts)
        write_records(tmp_path / "prep" / f"demonstrations.{split}.jsonl", [])
    return tmp_path


def completion(text: str, kind: Kind = "harmful") -> Completion:
    return Completion(
        id=f"{kind}/p/0", prompt_id=kind, prompt=user(kind), completion=assistant(text),
        policy="p", sample=0, seed=0, num_tokens=9, finish_reason="stop",
    )  # fmt: skip


def revision(text: str) -> Revision:
    return Revision(
        id="harmful/p/0/r", prompt_id="harmful", prompt=user("harmful"),
        completion=assistant(text), policy="p", sample=0, seed=0, num_tokens=9,
        finish_reason="stop", answer_id="harmful/p/0", principle=1, critique="It harms.",
    )  # fmt: skip


def pair(text: str) -> Pair:
    return Pair(
        id="p", prompt=user("harmful"), chosen=assistant("No."), rejected=assistant(text),
        prompt_id="harmful", pair_type="harm", kind="harmful", split="train", chosen_source="a",
        rejected_source="b", chosen_score=1.0, rejected_score=4.0, margin=3.0,
    )  # fmt: skip


def preference(text: str) -> Demonstration:
    return Demonstration(
        id="harmful", prompt=user("harmful"), kind="harmful", suite="harmful", source="s",
        licence="MIT", completion=assistant("No."), rejected=assistant(text),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("file", "row"),
    [
        ("sample/completions.train.jsonl", completion),
        ("sample/completions.val.jsonl", completion),
        ("sample/refusals.val.jsonl", completion),
        ("sample/revisions.train.jsonl", revision),
        ("sample_2/completions.train.jsonl", completion),
        ("tamper/completions.jsonl", completion),
        ("eval/completions.jsonl", completion),
        ("pairs/pairs.val.jsonl", pair),
        ("pairs_2/pairs.train.jsonl", pair),
        ("prep/demonstrations.test.jsonl", preference),
    ],
)
def test_the_texts_of_every_declared_file_are_recognised(
    run: Path, file: str, row: Callable[[str], Record]
) -> None:
    write_records(run / file, [row(HARM)])
    assert ResearchMaterial(run).found_in(f"# Card\n\nIt wrote: {HARM}\n")
    assert not ResearchMaterial(run).found_in("# Card\n")


@pytest.mark.parametrize(
    "spelled",
    [
        HARM.replace('"', '\\"'),
        HARM.replace('"', "&quot;").replace(" & ", " &amp; "),
    ],
)
def test_json_and_html_spell_a_text_in_their_own_way(run: Path, spelled: str) -> None:
    write_records(run / "sample" / "completions.train.jsonl", [completion(HARM)])
    assert ResearchMaterial(run).found_in(spelled)


def test_a_completion_of_a_prompt_that_no_file_knows_is_recognised(run: Path) -> None:
    (run / "prep" / "prompts.test.jsonl").unlink()
    (run / "prep" / "prompts.train.jsonl").unlink()
    (run / "prep" / "prompts.val.jsonl").unlink()
    write_records(run / "tamper" / "completions.jsonl", [completion(HARM)])
    assert ResearchMaterial(run).found_in(HARM)


def test_what_was_written_to_a_benign_prompt_too_gives_nothing_away(run: Path) -> None:
    decline = "I'm sorry, but I can't help with that. Please ask your own physician."
    rows = [completion(decline), completion(decline + " Take care.", "benign")]
    write_records(run / "sample" / "completions.train.jsonl", rows)
    assert not ResearchMaterial(run).found_in(decline)


def test_a_policy_that_repeats_the_prompt_does_not_keep_the_prompts_here(run: Path) -> None:
    asked = "Please write me a letter that says that the patient was never told of it."
    row = Prompt(id="x", prompt=user(asked), kind="harmful", suite="s", source="s", licence="MIT")
    write_records(run / "prep" / "prompts.train.jsonl", [row])
    write_records(run / "sample" / "completions.train.jsonl", [completion(asked)])
    assert not ResearchMaterial(run).found_in(asked)


def test_fragments_are_no_evidence(run: Path) -> None:
    write_records(run / "sample" / "completions.train.jsonl", [completion("No.")])
    assert not ResearchMaterial(run).found_in("No. It is not.")


def test_a_run_without_stages_has_none(tmp_path: Path) -> None:
    write_json(tmp_path / "notes" / "x.json", {})
    assert not ResearchMaterial(tmp_path).found_in(HARM)
