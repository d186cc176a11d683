"""`primum measure` of a model behind a server: asked once, and told what is wrong with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from judge_server import Act, JudgeServer
from measured_command import SHORT
from typed_results import as_json

from pipeline.commands.measure import measure as _measure
from pipeline.measuring import servers
from pipeline.measuring.request import Request
from pipeline.measuring.subjects import subjects_of
from records.errors import ConfigError, PrimumError
from reward.judges.settings import EndpointConfig

measure = as_json(_measure)

pytestmark = pytest.mark.embedded


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("PRIMUM_CACHE", str(folder))
    return folder


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgeServer]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = JudgeServer()
    threading.Thread(
        target=made.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    yield made
    made.http.shutdown()
    made.http.server_close()


def test_a_server_is_asked_once_although_the_measurement_was_killed(
    server: JudgeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.plan = lambda request, number: (
        Act(status=500) if number >= 7 else Act(text=f"Yes: {request.words}")
    )
    # A request that fails for good ends the run; what came before is kept.
    address = server.url
    request = Request(model=f"m@{address}", words=SHORT, limit=4, output=tmp_path / "out")
    quick = {"retries": 0, "first_wait": 0.0, "longest_wait": 0.0, "concurrency": 1}
    monkeypatch.setattr(
        servers, "EndpointConfig", lambda **named: EndpointConfig(**{**named, **quick})
    )
    with pytest.raises(Exception, match="no reply"):
        measure(request)
    server.plan = lambda request, number: Act(text=f"Yes: {request.words}")
    found = measure(request)
    assert found["policies"]["base"]["path"] == "m"
    written = found["provenance"]["generation"]
    assert (written["engine"], written["max_new_tokens"]) == ("server", 4)
    assert "dtype_used" not in written
    assert set(server.replied.values()) == {1}
    assert len(server.replied) == 12
    body = server.requests[0].body
    assert (body["max_tokens"], body["temperature"]) == (4, 0.0)
    assert subjects_of([address])[0].served == ""


def test_a_server_says_which_model_it_serves_and_several_are_named(
    server: JudgeServer, tmp_path: Path
) -> None:
    from models.config import GenerationConfig
    from pipeline.measuring.servers import endpoint_of

    subject = subjects_of([server.url])[0]
    assert endpoint_of(subject, GenerationConfig()).model == "m"
    server.models = ["a", "b"]
    with pytest.raises(ConfigError, match=r"serves 2 models \(a, b\); say which"):
        endpoint_of(subject, GenerationConfig())


@pytest.mark.parametrize("named", ["", "m@"])
def test_a_server_that_is_away_is_said_before_anything_is_asked(
    server: JudgeServer, tmp_path: Path, named: str
) -> None:
    """And not after seven tries for every one of ten prompts."""
    address = server.url
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(PrimumError) as caught:
        measure(Request(model=f"{named}{address}", words=SHORT, limit=4, output=tmp_path / "out"))
    (fault,) = caught.value.faults
    assert address in fault
    assert "no connection" in fault
    assert "see that the server runs" in fault
    assert not (tmp_path / "out" / "replies").exists()


def test_a_server_that_lists_no_models_is_asked_by_the_name_that_was_given(
    server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.config import GenerationConfig
    from pipeline.measuring.servers import endpoint_of

    server.models = []
    assert endpoint_of(subjects_of([f"m@{server.url}"])[0], GenerationConfig()).model == "m"


def test_a_server_that_refuses_the_key_says_where_to_name_another(server: JudgeServer) -> None:
    from models.config import GenerationConfig
    from pipeline.measuring.servers import endpoint_of

    server.list_status = 401
    with pytest.raises(ConfigError, match="with --api-key-env"):
        endpoint_of(subjects_of([f"m@{server.url}"])[0], GenerationConfig())
