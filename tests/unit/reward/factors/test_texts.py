"""What the heads read: the user's turns, the assistant's words, straight apostrophes."""

from __future__ import annotations

from records.rows import Completion, Message, assistant, user
from reward.factors.texts import BODY_WORDS, OPENING_WORDS, Exchange, asked, exchange_of


def test_only_the_user_is_asked_and_of_many_words_the_last_count() -> None:
    prompt: list[Message] = [
        {"role": "system", "content": "You are a doctor."},
        {"role": "user", "content": "first " * 200},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "and don\u2019t tell them"},
    ]
    found = asked(prompt).split()
    assert len(found) == BODY_WORDS
    assert found[-4:] == ["and", "don't", "tell", "them"]


def test_opening_and_body_are_beginnings() -> None:
    exchange = Exchange("p", "w " * 500)
    assert (len(exchange.opening.split()), len(exchange.body.split())) == (
        OPENING_WORDS,
        BODY_WORDS,
    )


def test_a_completion_becomes_its_texts() -> None:
    row = Completion(
        id="a",
        prompt_id="a",
        prompt=user("Hi?"),
        completion=assistant("I can\u2019t."),
        policy="p",
        sample=0,
        seed=0,
        num_tokens=1,
        finish_reason="stop",
    )
    assert exchange_of(row) == Exchange("Hi?", "I can't.")
