"""What is sent to a judge and what stays here: settings, the key, texts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from asked_judge import KEY, Judge
from judge_server import Act, JudgeServer

from records.errors import ConfigError
from records.rows import Completion

pytest.importorskip("openai", reason="the extra judge is not installed")


def test_what_is_sent_is_the_settings_and_nothing_of_the_machine(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-another-service")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Other: secret")
    monkeypatch.setenv("THE_KEY", KEY)
    judge(api_key_env="THE_KEY", seed=7, extra={"top_k": 1}).score([completion()])
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert set(request.headers) <= {
        "authorization", "host", "accept", "accept-encoding", "connection", "content-type",
        "content-length", "user-agent",
        "x-stainless-raw-response",
    }  # fmt: skip
    assert {**request.body, "messages": []} == {
        "model": "m", "messages": [], "max_tokens": 512, "temperature": 0.0, "seed": 7, "top_k": 1,
    }  # fmt: skip


def test_without_a_named_variable_no_key_leaves_the_machine(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    judge().score([completion()])
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "text", ["", "half a character: \ud83d", "\x00\x1b[31m\u202e", "word " * 20_000]
)
def test_whatever_a_completion_holds_is_asked_about(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
    text: str,
) -> None:
    server.plan = lambda request, number: act(text="#score: 1")
    assert judge().score([completion(0, text)])[0].value == 1.0


def test_a_completion_without_a_message_is_asked_about_too(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    assert judge().score([replace(completion(), completion=[])])[0].value == 1.0


def test_neither_texts_nor_the_key_reach_a_log_or_a_file(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """OPENAI_LOG=debug and a root logger at its lowest included."""
    monkeypatch.setenv("THE_KEY", KEY)
    monkeypatch.setenv("OPENAI_LOG", "debug")
    caplog.set_level(logging.DEBUG)
    logging.getLogger("openai").setLevel(logging.DEBUG)
    server.plan = lambda request, number: act(status=500) if number == 0 else act(text="#score: 2")
    judge(api_key_env="THE_KEY").score([completion(0, "UNSPEAKABLE words")])
    shown = caplog.text + "".join(capfd.readouterr())
    assert "UNSPEAKABLE" not in shown
    assert KEY not in shown
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY in path.read_text()]
    assert "UNSPEAKABLE" not in (tmp_path / "judge.jsonl").read_text(), (
        "completions are named by their hash"
    )


def test_an_error_of_the_client_is_not_carried_along(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its text, its request and its headers would stand in a traceback."""
    monkeypatch.setenv("THE_KEY", KEY)
    server.plan = lambda request, number: act(status=401)
    with pytest.raises(ConfigError) as stopped:
        judge(api_key_env="THE_KEY").score([completion()])
    assert stopped.value.__cause__ is None
    assert stopped.value.__context__ is None
