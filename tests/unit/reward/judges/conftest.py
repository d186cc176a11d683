"""The stand-in for a server, and completions to judge."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asked_judge import Judge
from judge_server import Act, JudgeServer

from records.rows import Completion
from reward.judges.settings import EndpointConfig


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgeServer]:
    """Listens on a free port of this machine only."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = JudgeServer()
    thread = threading.Thread(
        target=made.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def act() -> Callable[..., Act]:
    return Act


@pytest.fixture
def completion() -> Callable[..., Completion]:
    """A completion by its number: harmless words that name it."""
    from records.rows import Completion, assistant, user

    def make(number: int = 0, text: str | None = None, prompt: str | None = None) -> Completion:
        return Completion(
            id=f"p{number}/base/0",
            prompt_id=f"p{number}",
            prompt=user(prompt or f"What about request {number}?"),
            completion=assistant(f"This is completion number {number}." if text is None else text),
            policy="base",
            sample=0,
            seed=0,
            num_tokens=4,
            finish_reason="stop",
        )

    return make


@pytest.fixture
def judge(server: JudgeServer, tmp_path: Path) -> Callable[..., Judge]:
    def make(*, repetitions: int = 2, **settings: Any) -> Judge:
        config = EndpointConfig(
            **{"base_url": server.url, "model": "m", "timeout": 60.0, "first_wait": 1.0, **settings}
        )
        return Judge(config, tmp_path / "judge.jsonl", repetitions)

    return make
