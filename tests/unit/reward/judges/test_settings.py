"""Settings that cannot work are refused when they are read, all faults at once, and no secret is
repeated."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf
from present import present

from records.setting_ranges import numeric_settings
from reward.judges.settings import (
    BudgetConfig,
    EndpointConfig,
    GuardConfig,
    JuryConfig,
    LocalModelConfig,
    ScorerConfig,
)

URL = "http://localhost:8000/v1"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"base_url": ""}, "wanted http"),
        ({"base_url": "localhost:8000"}, "wanted http"),
        ({"base_url": "ftp://h/v1"}, "wanted http"),
        ({"base_url": "http://h/v1?key=x"}, "a query"),
        ({"model": " "}, "GET base_url/models"),
        ({"base_url": "http://[h/v1"}, "cannot be read as an address"),
        ({"base_url": "http://h:999999/v1"}, "cannot be read as an address"),
        ({"concurrency": 0}, "from 1 to"),
        ({"retries": -1}, "from 0 to"),
        ({"timeout": float("nan")}, "above 0"),
        ({"first_wait": 5, "longest_wait": 1}, "at least first_wait"),
        ({"extra": {"stream": True, "model": "x"}}, "extra sets model, stream"),
    ],
)
def test_an_endpoint_that_cannot_work_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        EndpointConfig(**{"base_url": URL, "model": "m", **settings})


def test_there_is_no_default_host() -> None:
    with pytest.raises(TypeError, match="base_url"):
        EndpointConfig(model="m")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "settings", [{"api_key_env": "sk-abc123"}, {"base_url": "https://me:sk-abc123@h/v1"}]
)
def test_a_key_in_the_settings_is_refused_and_not_repeated(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="api_key_env") as told:
        EndpointConfig(**{"base_url": URL, "model": "m", **settings})
    assert "abc123" not in str(told.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="base_url") as told:
        EndpointConfig(base_url="x", model="", api_key_env="a key", longest_wait=0.5)
    assert len(str(told.value).splitlines()) == 4
    with pytest.raises(ValueError, match=r"concurrency.*timeout"):
        EndpointConfig(base_url=URL, model="m", concurrency=0, timeout=-1)


def test_a_cap_on_money_needs_prices() -> None:
    with pytest.raises(ValueError, match=r"budget\.input_price and budget\.output_price"):
        BudgetConfig(cost=5.0, input_price=1.0)
    with pytest.raises(ValueError, match="from 0 to"):
        BudgetConfig(tokens=-1)


ENDPOINT = EndpointConfig(base_url=URL, model="m")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"name": "a/b", "kind": "judge", "endpoint": ENDPOINT}, "names a file"),
        ({"kind": "judge"}, "either an endpoint or a local model"),
        (
            {"kind": "judge", "endpoint": ENDPOINT, "local": LocalModelConfig()},
            "either an endpoint or a local model",
        ),
        ({"kind": "guard", "endpoint": ENDPOINT}, "guard.family is empty"),
        (
            {
                "kind": "guard",
                "local": LocalModelConfig(engine="vllm"),
                "guard": GuardConfig(family="wildguard"),
            },
            "set guard.probability to false",
        ),
        ({"kind": "experts"}, "review-import"),
        ({"kind": "judge", "endpoint": ENDPOINT, "repetitions": -1}, "from 0 to"),
    ],
)
def test_a_scorer_that_lacks_what_its_kind_needs_is_refused(
    settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        ScorerConfig(**{"name": "one", **settings})


def test_a_jury_needs_as_many_members_as_its_quorum_and_each_once() -> None:
    members = [ScorerConfig(name=name, kind="experts", labels=["x"]) for name in ("a", "a")]
    with pytest.raises(ValueError, match="two members are called a") as told:
        JuryConfig(name="jury", members=members, quorum=3)
    assert "quorum of 3" in str(told.value)


def test_settings_are_read_from_yaml_nested_and_all() -> None:
    text = """
    name: jury
    kind: jury
    combine: majority
    members:
    - {name: big, kind: judge, endpoint: {base_url: 'http://h:1/v1', model: m, extra: {top_k: 1}, budget: {requests: 5}}}
    - {name: guard, kind: guard, guard: {family: qwen3guard}, local: {model: {path: tiny}}}
    """
    merged = OmegaConf.merge(OmegaConf.structured(JuryConfig), OmegaConf.create(text))
    config = OmegaConf.to_object(merged)
    assert isinstance(config, JuryConfig)
    assert present(config.members[0].endpoint).budget.requests == 5
    assert config.members[1].guard == GuardConfig(family="qwen3guard")
    assert present(config.members[1].local).model.path == "tiny"


def test_every_number_states_its_range() -> None:
    """As pipeline demands of all settings that a run has."""
    for config in (ScorerConfig, JuryConfig):
        assert not [setting.key for setting in numeric_settings(config) if setting.range is None]
