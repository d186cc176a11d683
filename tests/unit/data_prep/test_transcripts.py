"""Dialogues in one text come apart into all their turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from data_prep.sources.transcripts import turns

WORDS = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1)
    .map(str.strip)
    .filter(bool)
)


@given(st.lists(WORDS, min_size=1, max_size=8))
def test_a_transcript_loses_no_turn_and_no_word(said: list[str]) -> None:
    read = turns(
        "".join(
            f"\n\n{('Human', 'Assistant')[number % 2]}: {text}" for number, text in enumerate(said)
        )
    )
    assert [message["content"] for message in read] == said
    assert [message["role"] for message in read] == [
        ("user", "assistant")[number % 2] for number in range(len(said))
    ]


def test_turns_of_one_speaker_in_a_row_are_one_message() -> None:
    assert turns("\n\nHuman: Hi\n\nHuman: there\n\nAssistant: One.\n\nAssistant: Two.") == [
        {"role": "user", "content": "Hi\n\nthere"},
        {"role": "assistant", "content": "One.\n\nTwo."},
    ]
