"""`primum measure`: a run's own figures without a run, of models, servers and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from measured_command import SHORT
from typed_results import as_json

from eval.measure import complete
from pipeline import cli
from pipeline.commands.measure import measure as _measure
from pipeline.measuring import asking
from pipeline.measuring.prompts import own_prompts, suites_of
from pipeline.measuring.request import Request
from records.errors import ArtifactError, GateError, RecordError
from records.json_record import plain
from records.rows import Completion, Prompt, assistant, read_records
from records.stage_folder import read_json, write_records

measure = as_json(_measure)

pytestmark = pytest.mark.embedded


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("PRIMUM_CACHE", str(folder))
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two policies' completions to prompts of the project, as an evaluation writes them: one helps,
    one declines harm.
    """
    texts = {
        "base": "Here is how it is done, step by step, so that nobody sees it.",
        "mine": "I'm sorry, but I can't help with that.",
    }
    rows = []
    for prompt in (prompt for rows_of in suites_of([], 6).values() for prompt in rows_of):
        for policy, text in texts.items():
            said = (
                f"{text} {prompt.prompt[-1]['content']}"
                if prompt.kind == "benign" or policy == "base"
                else text
            )
            rows.append(_completion(prompt, policy, said))
    path = tmp_path / "completions.jsonl"
    write_records(path, rows)
    return path


def _completion(prompt: Prompt, policy: str, text: str) -> Completion:
    return Completion(
        id=f"{prompt.suite}/{prompt.id}/{policy}", prompt_id=prompt.id, prompt=prompt.prompt,
        completion=assistant(text), policy=policy,
        sample=0, seed=0, num_tokens=5, finish_reason="stop", suite=prompt.suite,
    )  # fmt: skip


def test_the_figures_of_a_model_are_those_of_an_evaluation(
    tiny_directory: Path, tmp_path: Path
) -> None:
    """By the same engine, scorers and statistics, on the same prompts."""
    from typed_results import built

    from eval.endpoint import Endpoint
    from eval.measure import measure as measured_by
    from models.config import GenerationConfig, ModelConfig
    from models.engines.generate import generation_dtype
    from models.loading.load import load_language_model
    from records.contracts import BASE, Scorer
    from reward.factors.one_pass import FactorsAndRefusal
    from reward.scorers import FACTORS, RefusalRule

    found = measure(
        Request(model=str(tiny_directory), words=SHORT, limit=5, output=tmp_path / "out")
    )
    prompts = [prompt for rows in suites_of([], 5).values() for prompt in rows]
    model, tokenizer = load_language_model(ModelConfig(path=str(tiny_directory)))
    generation = GenerationConfig(max_new_tokens=4, batch_size=8)
    scorers: list[Scorer] = [
        RefusalRule(),
        FactorsAndRefusal(
            FACTORS, known={prompt.id: prompt.kind == "harmful" for prompt in prompts}
        ),
    ]
    rows = measured_by(
        model.to(generation_dtype(generation)),
        tokenizer,
        prompts,
        generation,
        scorers,
        policy="base",
    )
    wanted = built(
        rows,
        {BASE: {"path": "base"}},
        endpoint=Endpoint("base", "base"),
        confidence=0.95,
        validation={},
        scoreboard=[],
        provenance={},
    )
    assert found["policies"]["base"]["suites"] == json.loads(
        json.dumps(plain(wanted.policies["base"].suites))
    )
    assert found["policies"]["base"]["suites"]["harmful"]["harmfulness"] is None
    assert read_json(tmp_path / "out" / "results.json") == json.loads(json.dumps(found))
    assert "not held" not in (tmp_path / "out" / "report.html").read_text()


def test_a_model_is_asked_once_and_a_later_runs_base_finds_its_completions(
    tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.config import GenerationConfig
    from pipeline.measuring.kept_completions import kept_base
    from pipeline.measuring.subjects import Subject
    from pipeline.policies import device
    from pipeline.run.config_loading import load_config

    first = measure(Request(model=str(tiny_directory), words=SHORT, limit=4, output=tmp_path / "a"))
    monkeypatch.setattr(asking, "generating", lambda *_: pytest.fail("the model was loaded again"))
    second = measure(
        Request(model=str(tiny_directory), words=SHORT, limit=4, output=tmp_path / "b")
    )
    assert first["policies"] == second["policies"]
    config = load_config(None, list(SHORT))
    model = asking.model_of(Subject(word="w", kind="model", where=str(tiny_directory)), config)
    prompts = [prompt for rows in suites_of([], 4).values() for prompt in rows]
    made = kept_base(model, prompts, config.eval.generation, device(config.trainer), policy="base")
    assert made == read_records(tmp_path / "a" / "completions.jsonl", Completion)
    longer = GenerationConfig(max_new_tokens=5, batch_size=8)
    assert not kept_base(model, prompts, longer, device(config.trainer), policy="base")


def test_a_killed_measurement_goes_on_where_it_was(
    tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measure(
        Request(model=str(tiny_directory), words=SHORT, limit=6, output=tmp_path / "whole")
    )
    monkeypatch.setenv("PRIMUM_CACHE", str(tmp_path / "other"))
    made: list[Any] = []

    def killed(*arguments: Any, **named: Any) -> list[Completion]:
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(complete(*arguments, **named))
        return made[-1]

    monkeypatch.setattr(asking, "complete", killed)
    monkeypatch.setattr(asking, "rows_at_once", lambda *_: 8)
    request = Request(model=str(tiny_directory), words=SHORT, limit=6, output=tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        measure(request)
    asked: list[Any] = []

    def counted(*given: Any, **named: Any) -> list[Completion]:
        asked.extend(given[2])
        return complete(*given, **named)

    monkeypatch.setattr(asking, "complete", counted)
    assert measure(request)["policies"] == whole["policies"]
    assert len(asked) == 18 - 8


def test_a_file_holds_several_policies_and_the_gate_has_its_exit_code(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measure(Request(model=str(log), output=tmp_path / "out"))
    assert list(found["policies"]) == ["base", "mine"]
    harmful = {name: about["suites"]["harmful"] for name, about in found["policies"].items()}
    assert harmful["base"]["refusal_rate"]["mean"] == 0
    assert harmful["mine"]["refusal_rate"]["mean"] == 1
    assert {row["metric"] for row in found["comparisons"] if row["suite"] == "harmful"} >= {
        "refusal_rate",
        "called_harmful",
    }
    assert "the mean chance of harm" in found["verdict"]
    assert cli.main(["measure", str(log), "--gate", "--output", str(tmp_path / "gated")]) == 3
    told = capsys.readouterr()
    assert "NOT MEASURED  mine: harmfulness on harmful: no reward model was named" in told.out
    assert "gate not met by mine: scored prompts of harmful" in told.err


def test_rows_of_a_log_say_whether_their_prompts_are_harmful(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    rows = [
        {
            "question": f"Is item {k} safe with food?",
            "response": f"Yes, item {k} is safe with food.",
        }
        for k in range(4)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(
        RecordError, match=r"log\.jsonl:1: nothing says whether its prompt is harmful"
    ) as caught:
        measure(Request(model=str(path), output=tmp_path / "a"))
    assert len(caught.value.faults) == 4
    found = measure(Request(model=str(path), kind="benign", output=tmp_path / "b"))
    assert found["policies"]["base"]["suites"]["benign"]["n"] == 4
    path.write_text(json.dumps({"text": "no"}) + "\n")
    with pytest.raises(RecordError, match="holds no prompt and completion"):
        measure(Request(model=str(path), output=tmp_path / "c"))


@pytest.mark.process
def test_what_vllm_wrote_is_not_taken_for_what_transformers_writes(
    tiny_directory: Path, tmp_path: Path, vllm_stand_in: Path
) -> None:
    """And a later run's base, which transformers writes, is not read from it."""
    by_vllm = ("eval.engine=vllm", f"model.vllm.python={vllm_stand_in}")
    model, found = str(tiny_directory), {}
    for name, words in (("a", by_vllm), ("b", ()), ("c", by_vllm)):
        request = Request(model=model, words=(*SHORT, *words), limit=2, output=tmp_path / name)
        engine = measure(request)["provenance"]["generation"]["engine"]
        rows = read_records(tmp_path / name / "completions.jsonl", Completion)
        found[name] = (engine, [row.completion for row in rows])
    assert found["a"][0] == "vllm 0.0"
    assert found["b"][0] == "transformers"
    assert found["a"] == found["c"] != found["b"]
    assert not set(map(str, found["a"][1])) & set(map(str, found["b"][1]))


def test_prompts_that_a_run_trained_on_are_left_out(tiny_directory: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "dpo").mkdir(parents=True)
    (run / "dpo" / "policy").symlink_to(tiny_directory)
    prompts = [prompt for rows in suites_of([], 4).values() for prompt in rows]
    (run / "prep").mkdir()
    learned = [
        {name: value for name, value in prompt.to_json().items() if name != "expected"}
        for prompt in prompts[:3]
    ]
    write_records(run / "prep" / "prompts.train.jsonl", learned)
    write_records(run / "prep" / "prompts.val.jsonl", [])
    found = measure(
        Request(
            model=str(tiny_directory),
            against=[str(run / "dpo")],
            words=SHORT,
            limit=4,
            output=tmp_path / "out",
        )
    )
    assert (
        sum(suite["n"] for suite in found["policies"]["dpo"]["suites"].values()) == len(prompts) - 3
    )


def test_the_projects_own_prompts_are_the_demos_test_split() -> None:
    suites: dict[str, int] = {}
    for prompt in own_prompts():
        suites[prompt.suite] = suites.get(prompt.suite, 0) + 1
    assert suites == {"harmful": 73, "twins": 289, "patient_questions": 214}


def test_a_folder_of_something_else_is_left_alone(log: Path, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="is there already"):
        measure(Request(model=str(log), output=tmp_path))


def test_gate_error_is_raised_with_every_line(log: Path, tmp_path: Path) -> None:
    with pytest.raises(GateError) as caught:
        measure(Request(model=str(log), gate=True, output=tmp_path / "out"))
    assert all(fault.startswith("gate not met by mine") for fault in caught.value.faults)
