"""What is drawn is kept, and drawn once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tiny_online import CountsLetters, LooksForLetter, prompts_of

from models.engines.generate import Generated
from train.rlhf.plan import Asked
from train.rlhf.rollout import Rollout, Scorers, Store, tokens_of

ASKED = [Asked(prompt, [1, 2, 3]) for prompt in prompts_of(2)]


class Writes:
    """Text and tokens that depend on the seed alone."""

    synced = False

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def complete(self, prompts: Sequence[object], seeds: Sequence[int]) -> list[Generated]:
        self.seeds += seeds
        return [Generated(f"text e {seed % 97}", 3, "stop", (seed % 50, 7), 2) for seed in seeds]


def rollout(folder: Path, writer: Any) -> Rollout:
    return Rollout(
        writer,
        Scorers(CountsLetters(), LooksForLetter()),
        Store(folder),
        num_generations=3,
        rows_at_once=4,
        seed=0,
    )


def test_every_prompt_gets_its_completions_scored(tmp_path: Path) -> None:
    drawn = rollout(tmp_path, Writes()).draw(5, ASKED, (0, 1))

    assert list(drawn) == [row.prompt.id for row in ASKED]
    for asked in ASKED:
        completions = drawn[asked.prompt.id]
        assert [row.sample for row in completions] == [0, 1, 2]
        assert len({row.text for row in completions}) > 1
        assert all(
            (row.harm is not None) == (asked.prompt.kind == "harmful") for row in completions
        )
        assert {row.refusal for row in completions} == {"none"}
        assert all(row.ids[-1] == 2 for row in completions)  # the end token with them


def test_what_was_kept_is_not_drawn_again(tmp_path: Path) -> None:
    first = rollout(tmp_path, Writes()).draw(5, ASKED, (0, 1))
    writer = Writes()
    assert rollout(tmp_path, writer).draw(5, ASKED, (0, 1)) == first
    assert writer.seeds == []

    file = tmp_path / "step-0000005.0.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    damaged = lines[1].replace(b'"sample": 1', b'"sample": 2')
    assert damaged != lines[1]
    file.write_bytes(b"".join([lines[0], damaged, *lines[2:-1], lines[-1][:20]]))
    assert rollout(tmp_path, writer).draw(5, ASKED, (0, 1)) == first
    assert len(writer.seeds) == 2  # the damaged line and the torn one


def test_draws_depend_on_step_prompt_and_number(tmp_path: Path) -> None:
    writer = Writes()
    both = [rollout(tmp_path, writer).draw(step, ASKED, (0, 1)) for step in (5, 6)]

    assert len(set(writer.seeds)) == len(writer.seeds) == 2 * 3 * len(ASKED)
    assert both[0] != both[1]


def test_a_rank_reads_what_other_ranks_have_drawn(tmp_path: Path) -> None:
    whole = rollout(tmp_path / "whole", Writes()).draw(5, ASKED, (0, 1))
    rollout(tmp_path, Writes()).draw(5, ASKED[:3], (0, 1))
    writer = Writes()
    found = rollout(tmp_path, writer).draw(5, ASKED, (1, 1))

    assert found == whole
    assert len(writer.seeds) == 3 * 3


def test_a_completion_that_the_limit_cut_has_no_end_token() -> None:
    cut = Generated("text", 2, "length", (4, 5), None)

    assert tokens_of(cut) == (4, 5)
    assert tokens_of(cut._replace(end=2)) == (4, 5, 2)
