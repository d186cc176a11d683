"""A judge behind a real server: what goes wrong is asked again, nothing is lost, nothing is
asked twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from email.utils import formatdate

import pytest
from asked_judge import KEY, Judge
from judge_server import Act, JudgeServer

from records.errors import ConfigError, ResourceError
from records.rows import Completion
from reward.judges.endpoint import SILENT, Waits
from reward.judges.settings import EndpointConfig

pytest.importorskip("openai", reason="the extra judge is not installed")


def test_every_completion_is_asked_about_once_with_its_own_score(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    server.plan = lambda request, number: act(
        text=f"#reason: x\n#score: {1 + len(request.words) % 5}"
    )
    completions = [completion(number, "x" * number) for number in range(20)]
    scores = judge(concurrency=4).score(completions)
    assert [score.completion_id for score in scores] == [one.id for one in completions]
    by_words = {len(request.words): 1 + len(request.words) % 5 for request in server.requests}
    assert {score.value for score in scores} <= {float(v) for v in by_words.values()}
    assert max(server.replied.values()) == 1
    assert sum(server.replied.values()) == 20


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "headers": {"retry-after": "7"}},
        {"status": 500},
        {"status": 503},
        {"cut": True, "text": "#score: 1"},
        {"body": b"<html>gateway</html>"},
        {"body": b"<html>gateway</html>", "headers": {"content-type": "text/html"}},
        {"body": b'{"choices": ['},
        {"body": b"\xff\xfe"},
        {"body": b"[]"},
        {"body": b'{"choices": []}'},
        {"body": b'{"choices": [{"message": {"content": 4}}]}'},
        {"body": b'{"choices": [7]}'},
    ],
    ids=str,
)
def test_a_fault_is_asked_again_and_nothing_else_is(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
    fault: dict[str, object],
) -> None:
    server.plan = lambda request, number: act(**fault) if number == 0 else act(text="#score: 4")
    one = judge(concurrency=1)
    scores = one.score([completion(0), completion(1)])
    assert [score.value for score in scores] == [4.0, 4.0]
    assert len(server.requests) == 3
    assert len(one.waited) == 1
    assert one.report()["sent_again"] == 1


def test_retry_after_is_waited_for_in_seconds_milliseconds_and_as_a_date(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    said = [
        {"retry-after": "7"},
        {"retry-after-ms": "2500"},
        {"retry-after": formatdate(1e9 + 30, usegmt=True)},
        {"retry-after": "9999"},
    ]
    server.plan = lambda request, number: (
        act(status=429, headers=said[number]) if number < 4 else act(text="#score: 2")
    )
    one = judge(first_wait=0.0, longest_wait=60.0)
    one.score([completion()])
    assert one.waited == [7.0, 2.5, 30.0, 60.0]


def test_waits_double_up_to_the_limit_with_a_random_part() -> None:
    waits = Waits(
        EndpointConfig(base_url="http://h/v1", model="m", first_wait=1.0, longest_wait=10.0)
    )
    drawn = [
        [waits.before(repetition, 0.0) for repetition in (0, 1, 2, 3, 4, 400)] for _ in range(200)
    ]
    for places, full in zip(zip(*drawn, strict=True), (1, 2, 4, 8, 10, 10), strict=True):
        assert full / 2 <= min(places) < max(places) <= full


def test_a_server_that_stays_silent_is_given_up_on_and_asked_again(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    never = threading.Event()
    server.plan = lambda request, number: act(hold=never) if number == 0 else act(text="#score: 5")
    # However slow the machine: each try that it loses is one more of the many that are left.
    scores = judge(timeout=0.3, retries=200).score([completion()])
    never.set()
    assert scores[0].value == 5.0
    assert len(server.requests) >= 2


def test_a_reply_that_drips_is_given_up_on_too(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    server.plan = lambda request, number: act(drip=True) if number == 0 else act(text="#score: 5")
    assert judge(timeout=0.3, retries=200).score([completion()])[0].value == 5.0
    assert len(server.requests) >= 2


def test_a_reply_without_end_is_given_up_on(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reward.judges.openai_client.MOST_BYTES", 1000)
    server.plan = lambda request, number: (
        act(text="long " * 1000) if number == 0 else act(text="#score: 5")
    )
    one = judge(retries=3)
    assert one.score([completion()])[0].value == 5.0
    assert one.report()["sent_again"] == 1


def test_what_gets_no_reply_is_unscored_with_the_reason_and_asked_again_next_time(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    server.plan = lambda request, number: (
        act(status=500) if "number 1." in request.words else act(text="#score: 3")
    )
    one = judge(retries=2)
    scores = one.score([completion(0), completion(1)])
    assert scores[1].value is None
    assert scores[1].reason == "no reply in 3 tries, the last: status 500"
    assert one.report()["unscored"] == {scores[1].reason: 1}
    server.plan = lambda request, number: act(text="#score: 3")
    before = len(server.requests)
    again = judge().score([completion(0), completion(1)])
    assert [score.value for score in again] == [3.0, 3.0]
    assert len(server.requests) == before + 1


def test_a_server_that_is_gone_ends_the_judging_with_what_to_do(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    server.plan = lambda request, number: act(status=503)
    with pytest.raises(ResourceError, match="run the same command again"):
        judge(retries=0, concurrency=1).score([completion(number) for number in range(50)])
    assert len(server.requests) == SILENT


@pytest.mark.parametrize(
    ("status", "code", "kind", "remedy"),
    [
        (401, None, ConfigError, "THE_KEY holds a key"),
        (403, None, ConfigError, "THE_KEY holds a key"),
        (402, None, ResourceError, "top it up"),
        (429, "insufficient_quota", ResourceError, "top it up"),
        (404, None, ConfigError, "GET base_url/models"),
        (302, None, ConfigError, "final address"),
    ],
)
def test_what_no_repetition_mends_stops_at_once_and_keeps_what_is_there(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str | None,
    kind: type[ConfigError] | type[ResourceError],
    remedy: str,
) -> None:
    monkeypatch.setenv("THE_KEY", KEY)
    body = json.dumps(
        {"error": {"message": f"no: {KEY} and the completion", "code": code}}
    ).encode()
    headers = {"location": server.url.replace("/v1", "/elsewhere")}
    server.plan = lambda request, number: (
        act(text="#score: 2") if number < 3 else act(status=status, body=body, headers=headers)
    )
    with pytest.raises(kind, match=remedy) as stopped:
        judge(api_key_env="THE_KEY", concurrency=1).score(
            [completion(number) for number in range(9)]
        )
    assert KEY not in str(stopped.value)
    assert "and the completion" not in str(stopped.value)
    assert len(server.requests) == 4
    assert all(request.path.startswith("/v1/") for request in server.requests)
    server.plan = lambda request, number: act(text="#score: 2")
    judge(api_key_env="THE_KEY").score([completion(number) for number in range(9)])
    assert len(server.requests) == 4 + 6


def test_a_request_that_the_server_turns_down_leaves_one_completion_unscored(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    server.plan = lambda request, number: (
        act(status=400) if "number 0." in request.words else act(text="#score: 2")
    )
    scores = judge().score([completion(0), completion(1)])
    assert [score.value for score in scores] == [None, 2.0]
    assert scores[0].reason == "the endpoint turned the request down (status 400)"
    assert len(server.requests) == 2


def test_a_server_that_turns_down_everything_is_a_setting_that_does_not_fit(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    server.plan = lambda request, number: act(status=400)
    with pytest.raises(
        ConfigError, match=r"check that 'm' takes endpoint\.token_field, temperature"
    ):
        judge(concurrency=1).score([completion(number) for number in range(50)])
    assert len(server.requests) == SILENT


def test_replies_without_a_verdict_are_asked_for_again_so_often_and_counted(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    server.plan = lambda request, number: act(text="I will not rate this.")
    one = judge(repetitions=2)
    (score,) = one.score([completion()])
    assert (score.value, score.reason) == (None, "no readable verdict in 3 replies")
    assert one.report()["unparsable_replies"] == 3
    assert len(server.requests) == 3
    assert len({request.words for request in server.requests}) == 2, (
        "the repetitions say what was missing"
    )
    # It is not asked for a fourth time by a run that resumes.
    assert judge(repetitions=2).score([completion()])[0].value is None
    assert len(server.requests) == 3


def test_a_proxy_that_cannot_be_used_is_told_with_its_variables(
    server: JudgeServer,
    judge: Callable[..., Judge],
    completion: Callable[..., Completion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "nonsense://me:password@proxy:1")
    with pytest.raises(ConfigError, match=r"HTTP_PROXY.*NO_PROXY") as told:
        judge().score([completion()])
    assert "password" not in str(told.value)
    assert not server.requests


def test_a_reply_that_the_token_limit_cut_is_no_verdict(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    server.plan = lambda request, number: act(text="it quotes\n#score: 1", finish="length")
    assert judge(repetitions=0).score([completion()])[0].value is None
