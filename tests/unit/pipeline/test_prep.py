"""The prep stage with an embedding model: run, told, and done again when the model is another."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models.loading.tiny import build_model
from pipeline import evaluating
from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.fingerprint import fingerprint
from pipeline.run.place import Place
from pipeline.run.stage_run import run_stage
from pipeline.stages import eval as eval_stage
from pipeline.stages import prep
from records.errors import ModelError, RecordError
from records.rows import Prompt, user
from records.stage_folder import StageDirectory, read_json


@pytest.fixture
def embedding(tiny_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_directory, tmp_path / "embedding"))


@pytest.fixture
def config(tmp_path: Path, tiny_directory: Path) -> RunConfig:
    rows = [
        {"prompt": text, "completion": "No."}
        for text in ("What is asthma?", "How do I forge a prescription?", "Is aspirin safe?")
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "run.yaml"
    path.write_text(
        f"run_dir: {tmp_path / 'run'}\nmodel: {{base: {{path: {tiny_directory}}}}}\ntrainer: "
        "{accelerator: cpu}\ndata: {sources: [{name: mine, format: jsonl, path: "
        f"{tmp_path / 'rows.jsonl'}}}]}}\neval: {{suites: []}}\n"
    )
    return load_config(path)


def with_embedding(tmp_path: Path, model: Path, *overrides: str) -> RunConfig:
    return load_config(tmp_path / "run.yaml", [f"data.embedding.model={model}", *overrides])


def test_prep_embeds_by_the_model_and_names_it(
    config: RunConfig, embedding: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_stage(prep.STAGE, with_embedding(tmp_path, embedding, "data.embedding.threshold=0.999"))
    stage = StageDirectory(tmp_path / "run" / "prep")
    assert read_json(stage.path / "decontamination.json")["embedding"]["model"] == "embedding"
    assert "3 texts are embedded by" in capsys.readouterr().out


def test_another_embedding_model_is_another_prep_and_off_needs_none(
    config: RunConfig, embedding: Path, tmp_path: Path
) -> None:
    on = with_embedding(tmp_path, embedding)
    before, basis = fingerprint(prep.STAGE, on)
    assert f"model {embedding}" in basis["files"]
    assert not [
        name for name in fingerprint(prep.STAGE, config)[1]["files"] if name.startswith("model")
    ]
    assert f"model {embedding}" not in eval_stage.STAGE.files(on)
    changed = json.loads((embedding / "config.json").read_text()) | {"rms_norm_eps": 0.5}
    (embedding / "config.json").write_text(json.dumps(changed))
    assert fingerprint(prep.STAGE, on)[0] != before


def test_a_model_that_is_not_there_stops_prep_before_it_reads(
    config: RunConfig, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"data\.embedding\.model=.*gone: no such directory"):
        run_stage(prep.STAGE, with_embedding(tmp_path, tmp_path / "gone"))


def test_what_prep_says_names_faults_and_suites_without_validation_rows() -> None:
    summary = {
        "rows_read": 60,
        "rows_kept": 58,
        "rows_dropped": 2,
        "dropped": {"duplicate": 2},
        "sources": {"medquad": {"rows": 60, "answered": 58, "preferences": 0}},
        "splits": {"train": {"medquad": 50, "few": 3}, "val": {"harmful": 5}, "test": {}},
        "lint": {"no_refusal": 4, "mojibake": 1},
        "restrictions": {},
        "mixture": {},
    }
    said = prep.describe(summary, validates=True)
    assert said[0] == "60 rows in, 58 kept, 2 left out"
    assert "  lint: 1 mojibake, 4 no_refusal; see lint.json" in said
    assert [line for line in said if "no validation rows" in line] == [
        "  no validation rows of medquad: they hang together in one group of near-duplicates; see "
        "data.split.near_duplicate_ngram"
    ]
    assert not any("no validation rows" in line for line in prep.describe(summary, validates=False))


GEMMA_LIKE = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
)


@pytest.fixture
def without_system(config: RunConfig, tiny_directory: Path, tmp_path: Path) -> RunConfig:
    """The run with a model whose template refuses a system message, and one such row."""
    model = Path(shutil.copytree(tiny_directory, tmp_path / "model"))
    template = model / "chat_template.jinja"
    template.write_text(GEMMA_LIKE + template.read_text())
    row = {
        "messages": [
            {"role": role, "content": f"A {role} speaks."}
            for role in ("system", "user", "assistant")
        ]
    }
    with (tmp_path / "rows.jsonl").open("a") as rows:
        rows.write(json.dumps(row) + "\n")
    return load_config(tmp_path / "run.yaml", [f"model.base.path={model}"])


def test_a_row_that_the_models_template_refuses_is_left_out_and_counted(
    without_system: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_stage(prep.STAGE, without_system)
    stage = StageDirectory(tmp_path / "run" / "prep")
    summary = read_json(stage.manifest_path)["summary"]
    assert (summary["rows_read"], summary["rows_kept"], summary["dropped"]) == (
        4,
        3,
        {"chat_template": 1},
    )
    assert "left out:     1  chat_template" in capsys.readouterr().out
    (fault,) = [
        fault
        for fault in read_json(stage.path / "lint.json")["faults"]
        if fault["kind"] == "chat_template"
    ]
    assert "no system here" in fault["detail"]


def test_another_template_or_day_is_another_prep_and_other_weights_are_not(
    without_system: RunConfig, tmp_path: Path
) -> None:
    before, _ = fingerprint(prep.STAGE, without_system)
    assert (
        fingerprint(
            prep.STAGE, load_config(tmp_path / "run.yaml", ["model.base.template_date=2026-01-02"])
        )[0]
        != before
    )
    build_model(600, seed=7).save_pretrained(tmp_path / "model")
    assert fingerprint(prep.STAGE, without_system)[0] == before
    template = tmp_path / "model" / "chat_template.jinja"
    template.write_text(template.read_text() + " ")
    assert fingerprint(prep.STAGE, without_system)[0] != before


def test_prompts_of_the_users_own_suites_are_rendered_before_any_policy_writes(
    without_system: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(StageDirectory(tmp_path / "run" / "eval"))
    renders = prep.rendering(without_system)
    prompts = [
        Prompt(
            id="plain",
            prompt=user("Hi"),
            kind="benign",
            suite="own",
            source="own",
            licence="CC0-1.0",
        )
    ]
    refused = replace(
        prompts[0], id="system", prompt=[{"role": "system", "content": "Be brief."}, *user("Hi")]
    )
    assert evaluating._rendered(place, renders, "own", [*prompts, refused]) == prompts
    assert "suite own: 1 of 2 prompts left out" in capsys.readouterr().out
    with pytest.raises(
        RecordError,
        match=r"eval.suites 'own': none of its prompts can be rendered .*no system here",
    ):
        evaluating._rendered(place, renders, "own", [refused])
