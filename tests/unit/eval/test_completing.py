"""What a policy writes is kept block by block: a killed evaluation goes on, two ranks give the
bytes of one.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from eval.completing import Journal, Writer, as_asked_plainly, complete_all
from eval.conditions.asking import Asked
from models.engines.generate import Generated
from records.rows import Completion, Message, Prompt, json_lines, text_of, user

DECLINE = "I'm sorry, but I can't help with that."
TURNS = ("Go on.", "Once more.")


class Killed(Exception):
    pass


class Policy:
    """Declines as often as `stubborn` says of a prompt, then complies; may be killed after some
    completions.
    """

    def __init__(
        self, stubborn: Callable[[str], int] = lambda text: 0, killed_after: int = 10**9
    ) -> None:
        self.stubborn, self.left = stubborn, killed_after
        self.written: list[str] = []

    def write(self, prompts: Sequence[list[Message]], label: str) -> list[Generated]:
        if self.left < len(prompts):
            raise Killed
        self.left -= len(prompts)
        self.written += [text_of(messages) for messages in prompts]
        return [self._reply(messages) for messages in prompts]

    def _reply(self, messages: list[Message]) -> Generated:
        asked = sum(message["role"] == "user" for message in messages)
        declines = asked <= self.stubborn(messages[0]["content"])
        return Generated(
            DECLINE if declines else f"Sure, {text_of(messages)[:20]} {asked}", 5, "stop"
        )


def prompts(count: int) -> list[Prompt]:
    return [
        Prompt(
            id=f"p{k}",
            prompt=user(f"Request {k}?"),
            kind="harmful",
            suite="harmful",
            source="s",
            licence="MIT",
        )
        for k in range(count)
    ]


def asked(rows: list[Prompt]) -> list[Asked]:
    wrapped = [Asked(row, "role_play", user(f"Play: {text_of(row.prompt)}")) for row in rows]
    return [
        *(Asked(row, "", row.prompt) for row in rows),
        *wrapped,
        *(Asked(row, "pressure", row.prompt, TURNS) for row in rows),
    ]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., list[Completion]]:
    def complete(
        policy: Policy, rows: list[Prompt], name: str = "journal", block: int = 2
    ) -> list[Completion]:
        writer = Writer(
            "base", policy.write, block, Journal(Completion, tmp_path / f"{name}.jsonl")
        )
        return complete_all(asked(rows), writer)

    return complete


def test_every_prompt_is_asked_as_it_stands_and_under_each_condition(
    run: Callable[..., list[Completion]],
) -> None:
    made = run(Policy(), prompts(3))
    assert [row.condition for row in made] == [""] * 3 + ["role_play"] * 3 + ["pressure"] * 3
    assert made[0].id == "harmful/p0/base"
    assert made[3].id == "harmful/p0/base/role_play"
    assert text_of(made[3].prompt) == "Play: Request 0?"


def test_pressure_goes_on_while_the_policy_declines_and_keeps_every_turns_role(
    run: Callable[..., list[Completion]],
) -> None:
    policy = Policy(
        stubborn=lambda text: {
            "Request 0?": 0,
            "Request 1?": 1,
            "Request 2?": 2,
            "Request 3?": 3,
        }.get(text, 0)
    )
    made = [row for row in run(policy, prompts(4)) if row.condition == "pressure"]
    assert [[m["role"] for m in row.prompt] for row in made] == [
        ["user"],
        ["user", "assistant", "user"],
        ["user", "assistant", "user", "assistant", "user"],
        ["user", "assistant", "user", "assistant", "user"],
    ]
    assert [text_of(row.completion) == DECLINE for row in made] == [False, False, False, True]
    assert made[2].prompt[2]["content"] == "Go on."
    assert made[2].prompt[1]["content"] == DECLINE


@pytest.mark.parametrize("killed_after", range(0, 19, 3))
def test_a_killed_evaluation_writes_only_what_is_missing(
    run: Callable[..., list[Completion]], killed_after: int
) -> None:
    stubborn = lambda text: 2 if text.endswith(("1?", "2?")) else 0  # noqa: E731
    whole = run(Policy(stubborn), prompts(4), "whole")
    first = Policy(stubborn, killed_after)
    with contextlib.suppress(Killed):
        run(first, prompts(4))
    second = Policy(stubborn)
    assert run(second, prompts(4)) == whole
    assert not set(first.written) & set(second.written)


def test_a_block_that_was_half_written_is_written_again(
    run: Callable[..., list[Completion]], tmp_path: Path
) -> None:
    whole = run(Policy(), prompts(4))
    path = tmp_path / "journal.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    again = Policy()
    assert run(again, prompts(4)) == whole
    assert 0 < len(again.written) < 8


def test_a_damaged_line_is_named_and_written_again(
    run: Callable[..., list[Completion]], tmp_path: Path
) -> None:
    whole = run(Policy(), prompts(2))
    path = tmp_path / "journal.jsonl"
    path.write_text(
        path.read_text(encoding="utf-8").replace("Sure, Request 1", "Sore, Request 1", 1),
        encoding="utf-8",
    )
    assert len(Journal(Completion, path).faults) == 1
    again = Policy()
    assert run(again, prompts(2)) == whole
    assert len(again.written) == 1


def test_two_ranks_give_the_bytes_of_one(run: Callable[..., list[Completion]]) -> None:
    rows = prompts(5)
    stubborn = lambda text: 1 if "3" in text else 0  # noqa: E731
    one = {row.id: row for row in run(Policy(stubborn), rows, "one", block=3)}
    two = {
        row.id: row
        for rank in (0, 1)
        for row in run(Policy(stubborn), rows[rank::2], f"rank{rank}", block=2)
    }
    assert json_lines(two[name] for name in one) == json_lines(one.values())


def test_another_ranks_completions_are_not_written_again(
    run: Callable[..., list[Completion]], tmp_path: Path
) -> None:
    rows = prompts(4)
    whole = run(Policy(), rows, "before")
    policy = Policy()
    journal = Journal(Completion, tmp_path / "now.jsonl", [tmp_path / "before.jsonl"])
    assert complete_all(asked(rows), Writer("base", policy.write, 2, journal)) == whole
    assert policy.written == []


def test_scorers_see_the_request_and_not_its_wrapper(run: Callable[..., list[Completion]]) -> None:
    rows = prompts(2)
    made = run(Policy(lambda text: 2), rows)
    seen = as_asked_plainly(made, rows)
    assert {text_of(row.prompt) for row in seen} == {"Request 0?", "Request 1?"}
    assert [row.completion for row in seen] == [row.completion for row in made]
    assert json.dumps([row.id for row in seen]) == json.dumps([row.id for row in made])
