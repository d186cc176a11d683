"""A judge behind a real server: what goes wrong is asked again, nothing is lost, nothing is
asked twice."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from records.errors import ConfigError, ResourceError
from reward.judges.asking import AskEndpoint
from reward.judges.endpoint import OVER_BUDGET, SILENT, Waits
from reward.judges.judge import JudgeScorer
from reward.judges.rubric import Rubric
from reward.judges.settings import BudgetConfig, EndpointConfig, RubricConfig

pytest.importorskip("openai", reason="the extra judge is not installed")
ROOT = Path(__file__).resolve().parents[4]
KEY = "sk-secret-of-the-test"


class Judge:
    """A judge as scorer_from makes it, with the seconds that it would have waited."""

    def __init__(self, config: EndpointConfig, path: Path, repetitions: int) -> None:
        self.waited: list[float] = []
        asking = AskEndpoint(
            config, path, wait=lambda stop, seconds: self.waited.append(seconds), clock=lambda: 1e9
        )
        self.scorer = JudgeScorer("judge", Rubric(RubricConfig()), asking, repetitions=repetitions)
        self.score, self.report = self.scorer.score, self.scorer.report


@pytest.fixture
def judge(server, tmp_path):
    def make(*, repetitions: int = 2, **settings) -> Judge:
        config = EndpointConfig(
            **{"base_url": server.url, "model": "m", "timeout": 60.0, "first_wait": 1.0, **settings}
        )
        return Judge(config, tmp_path / "judge.jsonl", repetitions)

    return make


def test_every_completion_is_asked_about_once_with_its_own_score(server, judge, act, completion):
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


def test_what_is_sent_is_the_settings_and_nothing_of_the_machine(
    server, judge, act, completion, monkeypatch
):
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
    server, judge, act, completion, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    judge().score([completion()])
    assert "authorization" not in server.requests[0].headers


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
def test_a_fault_is_asked_again_and_nothing_else_is(server, judge, act, completion, fault):
    server.plan = lambda request, number: act(**fault) if number == 0 else act(text="#score: 4")
    one = judge(concurrency=1)
    scores = one.score([completion(0), completion(1)])
    assert [score.value for score in scores] == [4.0, 4.0]
    assert len(server.requests) == 3
    assert len(one.waited) == 1
    assert one.report()["sent_again"] == 1


def test_retry_after_is_waited_for_in_seconds_milliseconds_and_as_a_date(
    server, judge, act, completion
):
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


def test_waits_double_up_to_the_limit_with_a_random_part():
    waits = Waits(
        EndpointConfig(base_url="http://h/v1", model="m", first_wait=1.0, longest_wait=10.0)
    )
    drawn = [
        [waits.before(repetition, 0.0) for repetition in (0, 1, 2, 3, 4, 400)] for _ in range(200)
    ]
    for places, full in zip(zip(*drawn, strict=True), (1, 2, 4, 8, 10, 10), strict=True):
        assert full / 2 <= min(places) < max(places) <= full


def test_a_server_that_stays_silent_is_given_up_on_and_asked_again(server, judge, act, completion):
    never = threading.Event()
    server.plan = lambda request, number: act(hold=never) if number == 0 else act(text="#score: 5")
    # However slow the machine: each try that it loses is one more of the many that are left.
    scores = judge(timeout=0.3, retries=200).score([completion()])
    never.set()
    assert scores[0].value == 5.0
    assert len(server.requests) >= 2


def test_a_reply_that_drips_is_given_up_on_too(server, judge, act, completion):
    server.plan = lambda request, number: act(drip=True) if number == 0 else act(text="#score: 5")
    assert judge(timeout=0.3, retries=200).score([completion()])[0].value == 5.0
    assert len(server.requests) >= 2


def test_a_reply_without_end_is_given_up_on(server, judge, act, completion, monkeypatch):
    monkeypatch.setattr("reward.judges.openai_client.MOST_BYTES", 1000)
    server.plan = lambda request, number: (
        act(text="long " * 1000) if number == 0 else act(text="#score: 5")
    )
    one = judge(retries=3)
    assert one.score([completion()])[0].value == 5.0
    assert one.report()["sent_again"] == 1


def test_what_gets_no_reply_is_unscored_with_the_reason_and_asked_again_next_time(
    server, judge, act, completion
):
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


def test_a_server_that_is_gone_ends_the_judging_with_what_to_do(server, judge, act, completion):
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
    server, judge, act, completion, monkeypatch, status, code, kind, remedy
):
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
    server, judge, act, completion
):
    server.plan = lambda request, number: (
        act(status=400) if "number 0." in request.words else act(text="#score: 2")
    )
    scores = judge().score([completion(0), completion(1)])
    assert [score.value for score in scores] == [None, 2.0]
    assert scores[0].reason == "the endpoint turned the request down (status 400)"
    assert len(server.requests) == 2


def test_a_server_that_turns_down_everything_is_a_setting_that_does_not_fit(
    server, judge, act, completion
):
    server.plan = lambda request, number: act(status=400)
    with pytest.raises(
        ConfigError, match=r"check that 'm' takes endpoint\.token_field, temperature"
    ):
        judge(concurrency=1).score([completion(number) for number in range(50)])
    assert len(server.requests) == SILENT


def test_replies_without_a_verdict_are_asked_for_again_so_often_and_counted(
    server, judge, act, completion
):
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


@pytest.mark.parametrize(
    "text", ["", "half a character: \ud83d", "\x00\x1b[31m\u202e", "word " * 20_000]
)
def test_whatever_a_completion_holds_is_asked_about(server, judge, act, completion, text):
    server.plan = lambda request, number: act(text="#score: 1")
    assert judge().score([completion(0, text)])[0].value == 1.0


def test_a_completion_without_a_message_is_asked_about_too(server, judge, act, completion):
    assert judge().score([replace(completion(), completion=[])])[0].value == 1.0


def test_a_proxy_that_cannot_be_used_is_told_with_its_variables(
    server, judge, completion, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", "nonsense://me:password@proxy:1")
    with pytest.raises(ConfigError, match=r"HTTP_PROXY.*NO_PROXY") as told:
        judge().score([completion()])
    assert "password" not in str(told.value)
    assert not server.requests


def test_a_reply_that_the_token_limit_cut_is_no_verdict(server, judge, act, completion):
    server.plan = lambda request, number: act(text="it quotes\n#score: 1", finish="length")
    assert judge(repetitions=0).score([completion()])[0].value is None


def test_equal_completions_and_equal_runs_are_asked_about_once(server, judge, act, completion):
    same = [replace(completion(3), id=f"{name}/base/0") for name in ("a", "b", "c")]
    judge().score(same)
    assert len(server.requests) == 1
    judge().score(same)
    assert len(server.requests) == 1
    judge(temperature=0.5).score(same)
    assert len(server.requests) == 2, "other sampling is another question"
    judge(model="m2").score(same)
    assert len(server.requests) == 3, "so is another model"


def test_a_budget_of_requests_is_never_passed_not_even_by_resuming(server, judge, act, completion):
    budget = BudgetConfig(requests=5)
    completions = [completion(number) for number in range(8)]
    scores = judge(budget=budget, concurrency=4).score(completions)
    assert sum(score.reason == OVER_BUDGET for score in scores) == 3
    assert len(server.requests) == 5
    again = judge(budget=budget).score(completions)
    assert sum(score.value is not None for score in again) == 5
    assert len(server.requests) == 5
    judge(budget=BudgetConfig(requests=8)).score(completions)
    assert len(server.requests) == 8


def test_a_budget_of_money_counts_the_most_that_is_under_way_and_ends_below_the_cap(
    server, judge, act, completion
):
    server.plan = lambda request, number: act(
        text="#score: 1", usage={"prompt_tokens": 1000, "completion_tokens": 100}
    )
    # 2 a million read and 20 a million written: 0.004 a request.
    budget = BudgetConfig(cost=0.06, input_price=2.0, output_price=20.0)
    one = judge(budget=budget, concurrency=4, max_tokens=512)
    scores = one.score([completion(number) for number in range(40)])
    cost = one.report()["cost"]
    assert cost == pytest.approx(0.004 * len(server.requests))
    assert 0.04 < cost <= 0.06
    assert sum(score.reason == OVER_BUDGET for score in scores) == 40 - len(server.requests)


def test_requests_without_a_word_about_their_cost_count_as_the_most(server, judge, act, completion):
    server.plan = lambda request, number: act(text="#score: 1", usage=None)
    one = judge(max_tokens=77)
    one.score([completion()])
    row = one.report()
    assert (row["requests"], row["output_tokens"], row["requests_of_unknown_cost"]) == (1, 77, 1)
    assert row["input_tokens"] >= len(server.requests[0].words)


def test_neither_texts_nor_the_key_reach_a_log_or_a_file(
    server, judge, act, completion, monkeypatch, caplog, capfd, tmp_path
):
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


def test_an_error_of_the_client_is_not_carried_along(server, judge, act, completion, monkeypatch):
    """Its text, its request and its headers would stand in a traceback."""
    monkeypatch.setenv("THE_KEY", KEY)
    server.plan = lambda request, number: act(status=401)
    with pytest.raises(ConfigError) as stopped:
        judge(api_key_env="THE_KEY").score([completion()])
    assert stopped.value.__cause__ is None
    assert stopped.value.__context__ is None


def test_ctrl_c_loses_no_reply_and_nothing_is_asked_twice(server, judge, act, completion):
    """The interrupt comes while the server holds requests; whatever it has replied to is not
    asked for again."""

    def plan(request, number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return act(text="#score: 2")

    server.plan = plan
    completions = [completion(number) for number in range(40)]
    with pytest.raises(KeyboardInterrupt):
        judge(concurrency=2).score(completions)
    server.plan = lambda request, number: act(text="#score: 2")
    scores = judge().score(completions)
    assert all(score.value == 2.0 for score in scores)
    assert len(server.requests) == len(server.replied) == 40
    assert set(server.replied.values()) == {1}


RESUMED = """
import sys
from pathlib import Path
from records.rows import Completion, read_records
from reward.judges.factory import scorer_from
from reward.judges.settings import EndpointConfig, ScorerConfig
folder, url = Path(sys.argv[1]), sys.argv[2]
config = ScorerConfig(name="judge", kind="judge", endpoint=EndpointConfig(base_url=url, model="m", concurrency=2, timeout=600))
scores = scorer_from(config, folder=folder).score(read_records(folder / "completions.jsonl", Completion))
print([score.value for score in scores])
"""


@pytest.mark.process
def test_killed_midway_and_resumed_nothing_is_lost_and_nothing_asked_twice(
    server, act, completion, tmp_path
):
    """The process dies by SIGKILL while two requests are with the server: all replies before
    them are on the disk."""
    from records.rows import json_lines

    (tmp_path / "completions.jsonl").write_text(
        json_lines([completion(number) for number in range(12)])
    )
    released = threading.Event()
    answers = {f"number {number}.": 1 + number % 5 for number in range(12)}

    def plan(request, number):
        held = released if 6 <= number < 8 else None
        score = next(value for words, value in answers.items() if words in request.words)
        return act(text=f"#score: {score}", hold=held, cut=held is not None)

    server.plan = plan
    command = [sys.executable, "-c", RESUMED, str(tmp_path), server.url]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    # Two workers: when both wait for the seventh and the eighth reply, the six before have been
    # kept.
    server.wait_for(lambda: len(server.requests) == 8)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    released.set()
    with (tmp_path / "judge.jsonl").open("ab") as file:
        file.write(b'{"reply": "a line that the kill tore')
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [float(value) for value in answers.values()]
    assert len(server.requests) == 8 + 6
    assert set(server.replied.values()) == {1}
    assert len(server.replied) == 12
