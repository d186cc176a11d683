"""Replies are kept as they arrive, found again by their question, and told where they are
damaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from records.errors import RecordError
from records.rows import user
from reward.judges.choices import Choice
from reward.judges.journal import Journal
from reward.judges.question import AskedOf, Keep, Question, Reply
from reward.judges.replies import KeptReplies

WHOLE = Reply(
    text="yes",
    cut=True,
    choices=(Choice(0, 3, {"yes": -0.5, "no": -1.0}),),
    input_tokens=7,
    output_tokens=2,
)


class Replier:
    """Gives these replies, the last question first, and counts what it is asked."""

    def __init__(self, *replies: Reply) -> None:
        self.given = replies
        self.asked: list[Question] = []

    def asked_of(self) -> AskedOf:
        return {"model": "m"}

    def reply(self, questions: Sequence[Question], keep: Keep) -> None:
        self.asked += questions
        for place in reversed(range(len(questions))):
            keep(place, self.given[place])


def question(text: str) -> Question:
    return Question(messages=user(text))


def test_a_reply_comes_back_whole_in_the_order_of_the_questions(tmp_path: Path) -> None:
    path, other = tmp_path / "one.jsonl", Reply(text="no")
    for _ in range(2):
        replier = Replier(WHOLE, other)
        with closing(Journal(path)) as journal:
            found = KeptReplies(replier, journal).replies(
                [question("a"), question("b"), question("a")]
            )
        assert found == [WHOLE, other, WHOLE]
    assert not replier.asked
    assert len(path.read_text().splitlines()) == 2


def test_what_has_no_text_is_not_kept(tmp_path: Path) -> None:
    failed = Reply(reason="the server is down")
    for _ in range(2):
        replier = Replier(failed)
        with closing(Journal(tmp_path / "one.jsonl")) as journal:
            assert KeptReplies(replier, journal).replies([question("a")]) == [failed]
        assert len(replier.asked) == 1


def test_an_estimate_of_unseen_tokens_is_no_part_of_the_question() -> None:
    bare = question("a")
    assert bare.key({}) == Question(messages=user("a"), unseen_tokens=9).key({})
    assert bare.key({}) != bare.key({"model": "m"})
    assert bare.key({}) != Question(messages=user("a"), watched=("yes",)).key({})


@pytest.mark.parametrize(
    "row",
    [
        '{"reply": "k"}',
        '{"reply": "k", "text": "x", "cut": false, "input_tokens": "x", "output_tokens": 1}',
    ],
)
def test_a_damaged_reply_is_told_with_the_file_and_what_to_do(tmp_path: Path, row: str) -> None:
    (tmp_path / "one.jsonl").write_text(row + "\n")
    with (
        closing(Journal(tmp_path / "one.jsonl")) as journal,
        pytest.raises(RecordError, match="move the file away"),
    ):
        KeptReplies(Replier(), journal)
