"""A question as a request's body, and a reply out of one, which may be anything."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.rows import user
from reward.judges.failures import Failure
from reward.judges.question import Question, Reply
from reward.judges.settings import EndpointConfig
from reward.judges.wire import most_tokens, read_reply, sent_fields

CONFIG = EndpointConfig(
    base_url="http://h/v1",
    model="m",
    max_tokens=9,
    temperature=None,
    token_field="max_completion_tokens",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "text", "usage", "logprobs", "tokens"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON | st.binary(max_size=20))
def test_whatever_a_server_sends_is_a_reply_or_a_failure(content: Any) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    reply = Reply(text="")
    with suppress(Failure):
        reply = read_reply(body, ("yes",))
    assert isinstance(reply.text, str)


@given(JSON)
def test_whatever_stands_under_logprobs_takes_nothing_from_the_text(content: Any) -> None:
    body = {"choices": [{"message": {"content": "yes"}, "logprobs": content}]}
    assert read_reply(json.dumps(body).encode(), ("yes",)).text == "yes"


@pytest.mark.parametrize("logp", ["nan", "-0.1", True, 10**400, [], None])
def test_a_log_probability_that_is_none_is_not_reckoned_with(logp: object) -> None:
    rows = [{"token": "yes", "top_logprobs": [{"token": "yes", "logprob": logp}]}]
    body = {"choices": [{"message": {"content": "yes"}, "logprobs": {"content": rows}}]}
    assert not read_reply(json.dumps(body).encode(), ("yes",)).choices


def test_a_judge_that_says_nothing_has_an_empty_text() -> None:
    assert read_reply(b'{"choices": [{"message": {"content": null}}]}') == Reply(text="")


def test_both_forms_of_log_probabilities_are_read() -> None:
    top = {"Yes": -0.1, "No": -2.0}
    chat = {
        "content": [
            {
                "token": "Yes",
                "logprob": -0.1,
                "top_logprobs": [{"token": t, "logprob": p} for t, p in top.items()],
            }
        ]
    }
    old = {"tokens": ["Yes"], "token_logprobs": [-0.1], "top_logprobs": [top]}
    for form, said in ((chat, {"message": {"content": "Yes"}}), (old, {"text": "Yes"})):
        reply = read_reply(
            json.dumps({"choices": [{**said, "logprobs": form}]}).encode(), ("yes", "no")
        )
        (choice,) = reply.choices
        assert (choice.start, choice.end, choice.alternatives) == (0, 3, top)
        assert not read_reply(
            json.dumps({"choices": [{**said, "logprobs": form}]}).encode()
        ).choices


def test_fields_of_a_chat_and_of_a_text() -> None:
    chat = sent_fields(Question(messages=user("hello"), watched=("yes",)), CONFIG)
    assert chat == {
        "model": "m", "messages": user("hello"), "max_completion_tokens": 9, "logprobs": True,
        "top_logprobs": 5,
    }  # fmt: skip
    assert sent_fields(Question(text="hello", watched=("yes",)), CONFIG) == {
        "model": "m",
        "prompt": "hello",
        "max_tokens": 9,
        "logprobs": 5,
    }


def test_a_repetition_has_a_seed_of_its_own() -> None:
    seeded = EndpointConfig(base_url="http://h/v1", model="m", seed=3)
    assert [
        sent_fields(Question(text="x", attempt=attempt), seeded)["seed"] for attempt in (0, 1)
    ] == [3, 4]


@pytest.mark.parametrize("text", ["word " * 50, "\U0001f600" * 20, "\ud800"])
def test_the_most_tokens_of_a_question_are_no_fewer_than_its_bytes(text: str) -> None:
    assert (
        most_tokens(Question(messages=user(text), unseen_tokens=7))
        >= len(text.encode("utf-8", "surrogatepass")) + 7
    )
