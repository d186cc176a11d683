"""Every kind of scorer from its settings, and what is told before anything is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from judge_server import Act, JudgeServer

from records.errors import ConfigError, ResourceError
from records.rows import Completion
from reward.judges.experts import Experts
from reward.judges.factory import scorer_from
from reward.judges.judge import JudgeScorer
from reward.judges.jury import Jury
from reward.judges.settings import EndpointConfig, GuardConfig, JuryConfig, ScorerConfig
from reward.named_scorers import Surroundings, load_all, named_scorers

pytest.importorskip("openai", reason="the extra judge is not installed")


@pytest.fixture
def settings(server: JudgeServer) -> Callable[..., ScorerConfig]:
    def make(
        name: str = "one",
        *,
        guard: str = "",
        column: Literal["harm", "refusal"] = "harm",
        **endpoint: Any,
    ) -> ScorerConfig:
        return ScorerConfig(
            name=name,
            kind="guard" if guard else "judge",
            guard=GuardConfig(family=guard, column=column),
            endpoint=EndpointConfig(base_url=server.url, model="m", **endpoint),
        )

    return make


def test_a_guard_behind_an_endpoint_is_asked_by_messages_or_by_text(
    server: JudgeServer,
    act: Callable[..., Act],
    settings: Callable[..., ScorerConfig],
    completion: Callable[..., Completion],
    tmp_path: Path,
) -> None:
    server.plan = lambda request, number: act(text="Safety: Unsafe\nCategories: PII\nRefusal: No")
    (score,) = scorer_from(settings(guard="qwen3guard"), tmp_path).score([completion()])
    assert (score.value, score.label) == (5.0, "unsafe, PII")
    request = server.requests[0]
    assert (request.path, request.body["max_tokens"]) == ("/v1/chat/completions", 64)
    assert [turn["role"] for turn in request.body["messages"]] == ["user", "assistant"]
    assert (request.body["logprobs"], request.body["top_logprobs"]) == (True, 5)
    server.plan = lambda request, number: act(
        text="Harmful request: no\nResponse refusal: no\nHarmful response: no"
    )
    (score,) = scorer_from(settings("two", guard="wildguard"), tmp_path).score([completion()])
    assert score.value == 1.0
    assert server.requests[1].path == "/v1/completions"
    assert server.requests[1].body["prompt"].endswith("<|assistant|>\n")


def test_a_guards_value_behind_an_endpoint_is_weighted_by_the_probabilities_it_names(
    server: JudgeServer,
    act: Callable[..., Act],
    settings: Callable[..., ScorerConfig],
    completion: Callable[..., Completion],
    tmp_path: Path,
) -> None:
    """e^-0.2877 = 3/4 for yes: 0.75 * 5 + 0.25 * 1."""
    top = [{"token": "Yes", "logprob": -0.287682}, {"token": "No", "logprob": -1.386294}]
    row = {"token": "Yes", "logprob": -0.287682, "top_logprobs": top}
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"content": "Yes"},
        "logprobs": {"content": [row]},
    }
    server.plan = lambda request, number: act(body=json.dumps({"choices": [choice]}).encode())
    for _ in range(2):
        (score,) = scorer_from(settings(guard="shieldgemma"), tmp_path).score([completion()])
        assert score.value == pytest.approx(4.0, abs=1e-5)
        assert score.label == "yes"
    assert len(server.requests) == 1


def test_variables_of_a_guards_template_go_along_and_join_those_of_the_settings(
    server: JudgeServer,
    act: Callable[..., Act],
    settings: Callable[..., ScorerConfig],
    completion: Callable[..., Completion],
    tmp_path: Path,
) -> None:
    server.plan = lambda request, number: act(text="Yes\n<confidence> High </confidence>")
    config = settings(
        guard="granite_guardian", extra={"chat_template_kwargs": {"x": 1}, "top_k": 1}
    )
    scorer_from(config, tmp_path).score([completion()])
    body = server.requests[0].body
    assert body["chat_template_kwargs"] == {"x": 1, "guardian_config": {"risk_name": "harm"}}
    assert body["top_k"] == 1


def test_the_other_column_of_the_same_replies_is_not_asked_for_again(
    server: JudgeServer,
    act: Callable[..., Act],
    settings: Callable[..., ScorerConfig],
    completion: Callable[..., Completion],
    tmp_path: Path,
) -> None:
    server.plan = lambda request, number: act(text="Safety: Safe\nCategories: None\nRefusal: Yes")
    scorer_from(settings(guard="qwen3guard"), tmp_path).score([completion()])
    (score,) = scorer_from(settings(guard="qwen3guard", column="refusal"), tmp_path).score(
        [completion()]
    )
    assert score.label == "full"
    assert len(server.requests) == 1


def test_a_jury_of_judges_keeps_each_members_scores(
    server: JudgeServer,
    act: Callable[..., Act],
    settings: Callable[..., ScorerConfig],
    completion: Callable[..., Completion],
    tmp_path: Path,
) -> None:
    server.plan = lambda request, number: act(
        text=f"#score: {3 + 2 * (request.body['model'] == 'b')}"
    )
    members = [settings("a"), settings("b"), settings("c")]
    object.__setattr__(members[1].endpoint, "model", "b")
    jury = scorer_from(JuryConfig(name="jury", members=members), tmp_path)
    assert isinstance(jury, Jury)
    (score,) = jury.score([completion()])
    assert (score.value, score.scorer) == (3.0, "jury")
    assert {name: scores[0].value for name, scores in jury.scores.items()} == {
        "a": 3.0,
        "b": 5.0,
        "c": 3.0,
    }
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == [
        "a.jsonl",
        "b.jsonl",
        "c.jsonl",
    ]


def test_experts_need_no_folder(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").touch()
    assert isinstance(
        scorer_from(
            ScorerConfig(name="experts", kind="experts", labels=[str(tmp_path / "labels.jsonl")])
        ),
        Experts,
    )


def test_a_command_names_a_jury_by_the_file_of_its_settings(
    server: JudgeServer,
    act: Callable[..., Act],
    completion: Callable[..., Completion],
    tmp_path: Path,
) -> None:
    path = tmp_path / "jury.yaml"
    judge = f"kind: judge, endpoint: {{base_url: '{server.url}', model: m}}"
    path.write_text(
        f"name: jury\nkind: jury\nmembers:\n- {{name: a, {judge}}}\n- {{name: b, {judge}}}\n"
    )
    server.plan = lambda request, number: act(text="#score: 3")
    around = Surroundings(
        device=torch.device("cpu"),
        dtype=torch.float32,
        reward_model=tmp_path,
        run="R",
        replies=tmp_path / "judges",
    )
    (scorer,) = load_all(named_scorers([f"judge={path}"], around), around)
    (score,) = scorer.score([completion()])
    assert (score.value, score.scorer) == (3.0, "jury")
    assert sorted(file.name for file in around.replies.iterdir()) == ["a.jsonl", "b.jsonl"]


def test_replies_without_a_folder_are_refused(settings: Callable[..., ScorerConfig]) -> None:
    with pytest.raises(ConfigError, match="set replies"):
        scorer_from(settings())


def test_a_key_that_is_not_set_is_told_before_anything_is_asked(
    server: JudgeServer,
    settings: Callable[..., ScorerConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"NO_SUCH_KEY: this variable is not set; export it"):
        scorer_from(settings(api_key_env="NO_SUCH_KEY"), tmp_path)
    assert not server.requests


def test_a_key_with_a_line_break_is_refused_and_not_repeated(
    settings: Callable[..., ScorerConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAD_KEY", "sk-abc\nInjected: header")
    with pytest.raises(ConfigError, match="characters that no key has") as told:
        scorer_from(settings(api_key_env="BAD_KEY"), tmp_path)
    assert "sk-abc" not in str(told.value)


def test_without_the_client_the_extra_is_named(
    settings: Callable[..., ScorerConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ResourceError, match=r"pip install -e '\.\[judge\]'"):
        scorer_from(settings(), tmp_path)


def test_the_report_says_what_it_took(
    server: JudgeServer,
    act: Callable[..., Act],
    settings: Callable[..., ScorerConfig],
    completion: Callable[..., Completion],
    tmp_path: Path,
) -> None:
    from dataclasses import replace

    from reward.judges.settings import BudgetConfig

    config = settings(budget=BudgetConfig(input_price=1.0, output_price=10.0))
    scorer = scorer_from(config, tmp_path)
    assert isinstance(scorer, JudgeScorer)
    scorer.score([completion(0), completion(1)])
    scorer.score([completion(0), replace(completion(1), id="again")])
    assert scorer.report() == {
        "scorer": "one", "model": "m", "completions": 4, "scored": 4, "unparsable_replies": 0,
        "unscored": {},
        "requests": 2, "sent_again": 0, "answered_by_kept_replies": 2, "input_tokens": 200,
        "output_tokens": 20,
        "requests_of_unknown_cost": 0, "cost": pytest.approx(0.0004), "input_price": 1.0,
        "output_price": 10.0,
    }  # fmt: skip
    assert server.url not in str(scorer.report())
