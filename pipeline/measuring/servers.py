"""Completions from a server that speaks OpenAI's protocol, by the client that judges use: each
reply is kept when it arrives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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

    Raises ConfigError where the server has several or takes no such key, and ResourceError where it
    does not answer: before anything is asked, since a prompt gets seven tries.
    """
    # Asked with a short timeout: a wrong address is known in seconds, and not after seven tries of
    # every prompt.
    served = _served(
        EndpointConfig(
            base_url=subject.where,
            model=subject.served or "?",
            api_key_env=api_key_env,
            timeout=30.0,
        ),
        subject.served,
    )
    # Left out at 1, which is the protocol's default.
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
    made: list[Generated] = []
    for reply in found:
        made.append(
            Generated(
                (reply.text or "").strip(), reply.output_tokens, "length" if reply.cut else "stop"
            )
        )
    return made


def _served(config: EndpointConfig, named: str) -> str:
    """The name that was given, which a server need not list, or that of the only model there."""
    url, openai = config.base_url, openai_library()
    client = connect(config)
    try:
        names = [str(model.id) for model in client.models.list()]
    except openai.AuthenticationError as error:
        raise ConfigError(
            f"{url}: takes no request with this key ({first_line(error)}); "
            "name the variable that holds its key with --api-key-env"
        ) from error
    except openai.APIConnectionError as error:
        raise ResourceError(
            f"{url}: no connection ({first_line(error.__cause__ or error)}), wanted a server that "
            "speaks OpenAI's protocol; see that the server runs and that host and port are right, "
            "then run the same command again"
        ) from error
    except openai.OpenAIError as error:
        # A server that lists no models may well serve the one that was named.
        if named:
            return named
        raise ResourceError(
            f"{url}: does not say which model it serves ({first_line(error)}); "
            f"see that the address ends as the server wants it (often /v1), or write NAME@{url}"
        ) from error
    finally:
        client.close()
    if named or len(names) == 1:
        return named or names[0]
    shown = ", ".join(sorted(names)[:10]) or "none"
    raise ConfigError(f"{url}: serves {len(names)} models ({shown}); say which, as in NAME@{url}")
