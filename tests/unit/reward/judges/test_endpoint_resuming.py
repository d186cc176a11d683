"""Nothing is asked twice and nothing is lost: equal completions, budgets, Ctrl-C and a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asked_judge import Judge
from judge_server import Act, JudgeServer
from present import present

from records.rows import Completion
from reward.judges.endpoint import OVER_BUDGET
from reward.judges.settings import BudgetConfig

pytest.importorskip("openai", reason="the extra judge is not installed")


ROOT = Path(__file__).resolve().parents[4]


def test_equal_completions_and_equal_runs_are_asked_about_once(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    same = [replace(completion(3), id=f"{name}/base/0") for name in ("a", "b", "c")]
    judge().score(same)
    assert len(server.requests) == 1
    judge().score(same)
    assert len(server.requests) == 1
    judge(temperature=0.5).score(same)
    assert len(server.requests) == 2, "other sampling is another question"
    judge(model="m2").score(same)
    assert len(server.requests) == 3, "so is another model"


def test_a_budget_of_requests_is_never_passed_not_even_by_resuming(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
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
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    server.plan = lambda request, number: act(
        text="#score: 1", usage={"prompt_tokens": 1000, "completion_tokens": 100}
    )
    # 2 a million read and 20 a million written: 0.004 a request.
    budget = BudgetConfig(cost=0.06, input_price=2.0, output_price=20.0)
    one = judge(budget=budget, concurrency=4, max_tokens=512)
    scores = one.score([completion(number) for number in range(40)])
    cost = one.report()["cost"]
    assert cost == pytest.approx(0.004 * len(server.requests))
    assert 0.04 < present(cost) <= 0.06
    assert sum(score.reason == OVER_BUDGET for score in scores) == 40 - len(server.requests)


def test_requests_without_a_word_about_their_cost_count_as_the_most(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    server.plan = lambda request, number: act(text="#score: 1", usage=None)
    one = judge(max_tokens=77)
    one.score([completion()])
    row = one.report()
    assert (row["requests"], row["output_tokens"], row["requests_of_unknown_cost"]) == (1, 77, 1)
    assert row["input_tokens"] >= len(server.requests[0].words)


def test_ctrl_c_loses_no_reply_and_nothing_is_asked_twice(
    server: JudgeServer,
    judge: Callable[..., Judge],
    act: Callable[..., Act],
    completion: Callable[..., Completion],
) -> None:
    """The interrupt comes while the server holds requests; whatever it has replied to is not
    asked for again."""

    def plan(request: Any, number: int) -> Act:
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
    server: JudgeServer,
    act: Callable[..., Act],
    completion: Callable[..., Completion],
    tmp_path: Path,
) -> None:
    """The process dies by SIGKILL while two requests are with the server: all replies before
    them are on the disk."""
    from records.rows import json_lines

    (tmp_path / "completions.jsonl").write_text(
        json_lines([completion(number) for number in range(12)])
    )
    released = threading.Event()
    answers = {f"number {number}.": 1 + number % 5 for number in range(12)}

    def plan(request: Any, number: int) -> Act:
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
