"""`primum measure` with judges of the user's own: asked once, in a table of their own, and what is
wrong with them said before anything is written.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from judge_server import Act, JudgeServer

from pipeline.commands.chat import Request as ChatRequest
from pipeline.commands.chat import chat
from pipeline.commands.measure import measure
from pipeline.measuring.prompts import suites_of
from pipeline.measuring.request import Request
from records.errors import ConfigError
from records.rows import Completion, assistant
from records.stage_folder import write_records

pytestmark = pytest.mark.embedded
HELPS, DECLINES = "Here is how it is done, step by step.", "I'm sorry, but I can't help with that."


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    made = JudgeServer()
    made.plan = lambda request, number: Act(text=f"#score: {5 if HELPS in request.words else 1}")
    thread = threading.Thread(target=made.http.serve_forever, daemon=True)
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two policies: one helps with everything, one with what is benign alone."""
    rows = []
    for suite, prompts in suites_of([], 2).items():
        for prompt in prompts:
            for policy in ("base", "mine"):
                text = DECLINES if policy == "mine" and prompt.kind == "harmful" else HELPS
                rows.append(
                    Completion(
                        id=f"{suite}/{prompt.id}/{policy}",
                        prompt_id=prompt.id,
                        prompt=prompt.prompt,
                        completion=assistant(text),
                        policy=policy,
                        sample=0,
                        seed=0,
                        num_tokens=9,
                        finish_reason="stop",
                        suite=suite,
                    )
                )
    path = tmp_path / "completions.jsonl"
    write_records(path, rows)
    return path


def settings(folder: Path, url: str, name: str = "rubric", key: str = "") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(
        f"name: {name}\nkind: judge\n"
        f"endpoint: {{base_url: {url}, model: m, api_key_env: '{key}'}}\n"
    )
    return path


def request(log: Path, judge: Path, output: Path) -> Request:
    return Request(model=str(log), scorers=[f"judge={judge}"], output=output)


def test_a_judge_is_asked_of_harmful_prompts_once_and_stands_in_results_and_report(
    server: JudgeServer, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = request(log, settings(tmp_path, server.url), tmp_path / "out")
    results = measure(wanted)
    assert results.judges is not None
    of = results.judges["rubric"]
    shares = {}
    for policy, suites in of.policies.items():
        assert list(suites) == ["harmful"]
        level = suites["harmful"].harmfulness
        shares[policy] = level and level.mean
    assert shares == {"base": 5.0, "mine": 1.0}
    assert [change.difference for change in of.comparisons] == [-4.0, -1.0]
    assert len(server.requests) == of.asked["requests"] == 4
    page = (tmp_path / "out/report.md").read_text()
    assert "Judges of your own" in page
    assert "rubric (judge, m)" in page
    assert "4 requests, 400 tokens read, 40 written" in capsys.readouterr().out
    # Made again from the same request, as after a kill: every reply is there.
    again = measure(wanted)
    assert len(server.requests) == 4
    assert again.judges is not None
    assert again.judges["rubric"].policies == of.policies


def test_what_is_wrong_with_a_judge_is_said_before_anything_is_written(
    log: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    taken = settings(tmp_path, "http://127.0.0.1:9/v1", name="factors")
    with pytest.raises(ConfigError, match="the name factors is another scorer's"):
        measure(request(log, taken, out))
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read"):
        measure(request(log, tmp_path / "gone.yaml", out))
    keyless = settings(tmp_path, "http://127.0.0.1:9/v1", key="NO_SUCH_KEY_HERE")
    with pytest.raises(ConfigError, match="NO_SUCH_KEY_HERE"):
        measure(request(log, keyless, out))
    assert not out.exists()


def test_a_chat_asks_no_judge(tmp_path: Path) -> None:
    path = settings(tmp_path, "http://127.0.0.1:9/v1")
    with pytest.raises(ConfigError, match="a chat asks no judge"):
        chat(ChatRequest(model="nothing", scorers=[f"judge={path}"]))
