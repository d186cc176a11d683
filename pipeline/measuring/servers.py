"""Completions from a server that speaks OpenAI's protocol, by the client that judges use: each
reply is kept when it arrives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.measure import completions_of
from models.config import GenerationConfig
from models.engines.generate import Generated
from pipeline.measuring.subjects import Subject
from records.errors import ConfigError, ResourceError, first_line
from records.rows import Completion, Message, Prompt
from reward.judges.asking import AskEndpoint
from reward.judges.openai_client import connect, openai_library
from reward.judges.question import Question
from reward.judges.settings import EndpointConfig

CONCURRENCY = 8


def endpoint_of(
    subject: Subject, generation: GenerationConfig, api_key_env: str = ""
) -> EndpointConfig:
    """How the server is asked.

    A model that the address does not name is the only one that the server has.

    Raises ConfigError where the server has several, and ResourceError where it does not say.
    """
    served = subject.served or _only_model(
        EndpointConfig(base_url=subject.where, model="?", api_key_env=api_key_env, timeout=30.0)
    )
    extra = {"top_p": generation.top_p} if generation.top_p < 1 else {}
    return EndpointConfig(
        base_url=subject.where,
        model=served,
        api_key_env=api_key_env,
        concurrency=CONCURRENCY,
        max_tokens=generation.max_new_tokens,
        temperature=generation.temperature,
        extra=extra,
    )


def completed_by_server(
    config: EndpointConfig, prompts: Sequence[Prompt], replies: Path, *, policy: str
) -> list[Completion]:
    """One completion a prompt.

    Killed and started again, it asks for none twice that `replies` holds.

    Raises ResourceError where the server leaves prompts without a reply.
    """
    generated = replies_to(config, [prompt.prompt for prompt in prompts], replies)
    return completions_of(prompts, generated, policy=policy)


def replies_to(
    config: EndpointConfig, conversations: Sequence[list[Message]], replies: Path
) -> list[Generated]:
    """What the server writes to each conversation."""
    with AskEndpoint(config, replies).opened() as kept:
        found = kept.replies([Question(messages=messages) for messages in conversations])
    silent = [reply for reply in found if reply.text is None]
    if silent:
        raise ResourceError(
            f"{config.base_url}: {len(silent)} of {len(found)} prompts got no reply, the first: "
            f"{silent[0].reason}; the other replies are kept: run the same command again to ask "
            "for these alone"
        )
    return [
        Generated(
            (reply.text or "").strip(), reply.output_tokens, "length" if reply.cut else "stop"
        )
        for reply in found
    ]


def _only_model(config: EndpointConfig) -> str:
    openai = openai_library()
    client = connect(config)
    try:
        names = [str(model.id) for model in client.models.list()]
    except openai.OpenAIError as error:
        reason: Any = first_line(error)
    else:
        if len(names) == 1:
            return names[0]
        shown = ", ".join(sorted(names)[:10]) or "none"
        raise ConfigError(
            f"{config.base_url}: serves {len(names)} models ({shown}); say which, as in "
            f"NAME@{config.base_url}"
        )
    finally:
        client.close()
    raise ResourceError(
        f"{config.base_url}: does not say which model it serves ({reason}); see that it runs, or "
        f"write NAME@{config.base_url}"
    )
