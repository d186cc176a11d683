"""A question as the body of a request, and a reply out of one, which may be anything."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypedDict

from records.rows import Message
from records.strict_json import strict_loads
from reward.judges.choices import ALTERNATIVES, Choice, aligned, worth_keeping
from reward.judges.failures import unreadable
from reward.judges.question import Question, Reply
from reward.judges.settings import EndpointConfig

AROUND_A_MESSAGE = 16
"""Tokens that a chat template writes around a message, at most."""


class SentFields(TypedDict, total=False):
    """Arguments of OpenAI's client, as far as a judge sets them."""

    model: str
    prompt: str
    messages: list[Message]
    max_tokens: int
    max_completion_tokens: int
    logprobs: int | bool
    top_logprobs: int
    temperature: float
    seed: int
    extra_body: dict[str, Any]
    """Fields of the user's own, and those of servers that are not OpenAI's."""


def sent_fields(question: Question, config: EndpointConfig) -> SentFields:
    """Arguments for the client: a chat, or a text to go on from."""
    body = dict(config.extra)
    fields: SentFields = {"model": config.model}
    if question.text:
        fields["prompt"], fields["max_tokens"] = question.text, config.max_tokens
        if question.watched:
            fields["logprobs"] = ALTERNATIVES
    else:
        messages: list[Message] = []
        for message in question.messages:
            messages.append({"role": message["role"], "content": message["content"]})
        fields["messages"] = messages
        fields[config.token_field] = config.max_tokens
        if question.watched:
            fields["logprobs"], fields["top_logprobs"] = True, ALTERNATIVES
        if question.template_variables:
            # What vLLM and its kin call the variables of a chat template.
            body["chat_template_kwargs"] = {
                **body.get("chat_template_kwargs", {}),
                **question.template_variables,
            }
    if config.temperature is not None:
        fields["temperature"] = config.temperature
    if config.seed is not None:
        # Another one at each attempt: the same would give the same unreadable reply.
        fields["seed"] = config.seed + question.attempt
    if body:
        fields["extra_body"] = body
    return fields


def most_tokens(question: Question) -> int:
    """The most tokens that a question can be: a token is a byte at least."""
    texts = [question.text, *(message["content"] for message in question.messages)]
    written = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return written + AROUND_A_MESSAGE * (len(question.messages) + 1) + question.unseen_tokens


def read_reply(body: bytes, watched: Collection[str] = ()) -> Reply:
    """Raises Failure for anything that is no completion in OpenAI's form."""
    try:
        answer = strict_loads(body.decode("utf-8"))
    except ValueError:
        raise unreadable("a reply that is not JSON") from None
    choices = answer.get("choices") if isinstance(answer, dict) else None
    # Looked at piece by piece: proxies answer with pages, and servers differ in what they leave
    # out.
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise unreadable("a reply without choices")
    usage, text = answer.get("usage"), _text(choices[0])
    return Reply(
        text=text,
        choices=tuple(_choices(choices[0].get("logprobs"), text, watched)) if watched else (),
        cut=choices[0].get("finish_reason") == "length",
        input_tokens=_tokens(usage, "prompt_tokens"),
        output_tokens=_tokens(usage, "completion_tokens"),
    )


def _text(choice: dict[str, Any]) -> str:
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    if text is None and (isinstance(message, dict) or "text" in choice):
        # a judge that declines, or thought up to its limit, says nothing: that cannot be read, and
        # is no failure
        return ""
    if not isinstance(text, str):
        raise unreadable("a reply without text")
    return text


def _choices(logprobs: Any, text: str, watched: Collection[str]) -> list[Choice]:
    """Of both forms that the protocol has; empty where a server sends neither."""
    try:
        if isinstance(logprobs.get("content"), list):
            rows = logprobs["content"]
            tokens = [str(row["token"]) for row in rows]
            found = []
            for row in rows:
                found.append(
                    {str(top["token"]): _logp(top["logprob"]) for top in row["top_logprobs"]}
                )
        else:
            tokens = [str(token) for token in logprobs["tokens"]]
            found = []
            for row in logprobs["top_logprobs"]:
                found.append({str(t): _logp(logp) for t, logp in (row or {}).items()})
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return []
    return worth_keeping(aligned(tokens, found, text), watched)


def _logp(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError("no log-probability")
    # A probability above 1 can only be rounding.
    return min(0.0, float(value))


def _tokens(usage: Any, name: str) -> int:
    found = usage.get(name) if isinstance(usage, dict) else None
    return found if type(found) is int and found >= 0 else 0  # JSON's true is no number of tokens
