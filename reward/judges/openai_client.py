"""The official client of OpenAI's protocol, set so that it sends what the settings say to where
they say, and nothing else."""

from __future__ import annotations

import importlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from records.errors import ConfigError, ResourceError
from reward.judges.settings import EndpointConfig

RAW = "x-stainless-raw-response"
"""By this header of its own request the client knows that it is to hand over the reply as it
came."""
HEADERS = (
    "host",
    "accept",
    "accept-encoding",
    "connection",
    "content-type",
    "content-length",
    "user-agent",
    RAW,
)
"""What a request tells besides its body. The client adds the machine's system and, from the
environment, an organisation and whatever OPENAI_CUSTOM_HEADERS holds; neither was named in a
setting, so neither is sent."""
NO_KEY = "none"
MOST_BYTES = 16 << 20
"""Of a reply; one of a thousand tokens takes some kilobytes."""
LOGGERS = ("openai", "httpx", "httpx2", "httpcore", "httpcore2")


def openai_library() -> ModuleType:
    """Imported when an endpoint is used, since nothing else needs it."""
    try:
        return importlib.import_module("openai")
    except ImportError as error:
        raise ResourceError(
            "a judge behind an endpoint needs the package openai, which is not installed; run "
            "`pip install -e '.[judge]'` in the checkout, or give the scorer a local model"
        ) from error


def key_of(config: EndpointConfig) -> str:
    """The key from the environment; empty for a server that wants none."""
    if not config.api_key_env:
        return ""
    key = os.environ.get(config.api_key_env, "").strip()
    if not key:
        raise ConfigError(
            f"endpoint.api_key_env={config.api_key_env}: this variable is not set; export it with "
            f"the key of {config.base_url}, or empty the setting for a server that wants none"
        )
    # A line break would end the header, and the rest of the key be one of its own.
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"endpoint.api_key_env={config.api_key_env}: holds characters that no key has; export "
            "the key alone"
        )
    return key


def connect(config: EndpointConfig) -> Any:
    """A client without repetitions of its own (reward.judges.endpoint counts and waits) that
    follows no redirect elsewhere."""
    openai = openai_library()
    key = key_of(config)
    quieten()

    def only_what_is_needed(request: Any) -> None:
        # What is to go is whatever is not named above: a later version of the client may add
        # headers that nobody here knows.
        for name in list(request.headers):
            if name.lower() not in HEADERS:
                del request.headers[name]
        if key:
            request.headers["authorization"] = f"Bearer {key}"

    try:
        web = openai.DefaultHttpxClient(
            follow_redirects=False,
            event_hooks={"request": [only_what_is_needed]},
            timeout=config.timeout,
        )
        # Set afterwards: the hook must know on which library the client is built.
        web.event_hooks["response"] = [limited_to(config.timeout, web)]
    except (ImportError, ValueError):
        # Without what the library says: the proxy's address may hold a password.
        raise ConfigError(
            f"endpoint.base_url={config.base_url}: the proxy that HTTP_PROXY, HTTPS_PROXY or "
            "ALL_PROXY names cannot be used; correct the variable (SOCKS takes `pip install "
            "socksio`), or put the server's name into NO_PROXY"
        ) from None
    return openai.OpenAI(
        # The client refuses to start without any, and would look for OPENAI_API_KEY.
        api_key=key or NO_KEY,
        base_url=config.base_url,
        timeout=config.timeout,
        # The client's own repetitions would pass by the budget.
        max_retries=0,
        http_client=web,
    )


def limited_to(seconds: float, web: Any) -> Callable[[Any], None]:
    """A hook that ends a reply which is not whole after so many seconds, or too long. The client
    itself only limits the time between two parts of a reply, so that drops could take for ever."""
    http = _library_of(web)

    class Limited(http.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            end, size = time.monotonic() + seconds, 0
            for part in self._stream:
                size += len(part)
                if time.monotonic() > end:
                    raise http.ReadTimeout("the reply is not whole in time")
                if size > MOST_BYTES:
                    raise http.ReadError("the reply is too long")
                yield part

        def close(self) -> None:
            self._stream.close()

    def limit(response: Any) -> None:
        response.stream = Limited(response.stream)

    return limit


def _library_of(web: Any) -> Any:
    """httpx, or its successor, whichever the client is built on."""
    names = (kind.__module__.split(".")[0] for kind in type(web).__mro__)
    return importlib.import_module(next(name for name in names if name.startswith("httpx")))


def quieten() -> None:
    """Bodies of requests hold harmful text and headers hold the key: below warnings, nothing of
    the client is logged, not even where OPENAI_LOG=debug asks for it."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
