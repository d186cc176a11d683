"""What went wrong with a request, and what follows: stop, ask again, or leave this completion
unscored.

No message of the server is passed on: it may repeat the text that it was asked about, or the
key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from records.errors import ConfigError, PrimumError, ResourceError
from reward.judges.settings import EndpointConfig

RETRIED = (408, 409, 425, 429)
# OpenAI says so with the status of a rate limit, 429, which waiting would never lift.
NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")


@dataclass(kw_only=True, eq=False)
class Failure(Exception):
    """One request without a reply."""

    reason: str
    again: bool
    """Another try may succeed."""
    charged: bool
    """The server may have done the work: the connection ended before it said so."""
    wait: float = 0.0
    """Seconds that it asked for (Retry-After)."""


def failure_of(error: BaseException, openai: Any, config: EndpointConfig, now: float) -> Failure:
    """Raises ConfigError or ResourceError where no other request would fare better."""
    if isinstance(error, openai.APIStatusError):
        return _status(error, config, now)
    if isinstance(error, openai.APITimeoutError):
        return Failure(reason=f"no reply in {config.timeout:g} s", again=True, charged=True)
    if isinstance(error, openai.APIConnectionError):
        return Failure(reason="the connection failed", again=True, charged=True)
    raise error


def unreadable(what: str) -> Failure:
    """A reply that is no JSON of the protocol: it was paid for, and is asked for again."""
    return Failure(reason=what, again=True, charged=True)


def _status(error: Any, config: EndpointConfig, now: float) -> Failure:
    status = int(error.status_code)
    code = error.code if isinstance(error.code, str) else ""
    # Before the statuses that are asked again: 429 is among both.
    stop = _hopeless(status, code, config)
    if stop is not None:
        raise stop
    if status in RETRIED or status >= 500:
        wait = retry_after(error.response.headers, now)
        return Failure(reason=f"status {status}", again=True, charged=False, wait=wait)
    # Such as 400, 413 and 422: the request itself is at fault, and sent again it would be once
    # more.
    return Failure(
        reason=f"the endpoint turned the request down (status {status})", again=False, charged=False
    )


def _hopeless(status: int, code: str, config: EndpointConfig) -> PrimumError | None:
    where, key = config.base_url, config.api_key_env
    kept = "replies so far are kept, and the same command goes on from there"
    if status in (401, 403):
        remedy = (
            f"check that {key} holds a key of this server that may use the model {config.model!r}"
            if key
            else "name the environment variable that holds its key in endpoint.api_key_env"
        )
        return ConfigError(
            f"endpoint.base_url={where}: the server refused the key (status {status}); {remedy}; "
            f"{kept}"
        )
    if status == 402 or (status == 429 and code in NO_MONEY):
        return ResourceError(
            f"endpoint.base_url={where}: the account has nothing left (status {status}); top it "
            f"up; {kept}"
        )
    if status == 404:
        return ConfigError(
            f"endpoint.base_url={where}: no such address or model (status 404), got "
            f"endpoint.model={config.model!r}; wanted an address with its version, such as .../v1, "
            "and a model that GET base_url/models lists"
        )
    if 300 <= status < 400:
        return ConfigError(
            f"endpoint.base_url={where}: the server sends us elsewhere (status {status}), and "
            "completions go to no address that no setting names; set endpoint.base_url to the "
            "final address"
        )
    return None


def retry_after(headers: Any, now: float) -> float:
    """Seconds that the server asks us to wait: `retry-after-ms`, or Retry-After in seconds or as
    a date; 0 where it says nothing."""
    # First, as the finer of the two where a server sends both.
    milliseconds = str(headers.get("retry-after-ms") or "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", milliseconds):
        return float(milliseconds) / 1000
    said = str(headers.get("retry-after") or "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", said):
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - now)
    except (TypeError, ValueError):
        return 0.0
