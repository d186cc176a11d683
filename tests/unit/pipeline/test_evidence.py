"""What a release says of the machine, of people and of other people's texts: nothing that it may
not.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.config import DataConfig, SourceConfig
from models.config import LanguageModelConfig, ModelConfig
from pipeline.run.config import RunConfig
from pipeline.stages import release
from records.rows import Prompt, user
from records.stage_folder import read_json

SECRET = "MRN 00482913"


@pytest.fixture
def run(tmp_path: Path, tiny_directory: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """Sources of three licences in a home, on a model in it."""
    home = tmp_path / "home" / "alice"
    (home / "models").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(release, "judge", lambda *_: [])
    (home / "models" / "base").symlink_to(tiny_directory)
    sources = []
    for name, licence in (("free", "MIT"), ("nc", "CC-BY-NC-4.0"), ("who", "unknown")):
        rows = [
            {
                "prompt": f"{name}{n} request{name}{n} number{name}{n}",
                "completion": "No.",
                "kind": ("harmful", "benign")[n % 2],
            }
            for n in range(30)
        ]
        (home / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        sources.append(
            SourceConfig(
                name=name,
                format="jsonl",
                path=str(home / f"{name}.jsonl"),
                licence=licence,
                suite=name,
            )
        )
    model = LanguageModelConfig(base=ModelConfig(path=str(home / "models" / "base")))
    return dataclasses.replace(
        RunConfig(), run_dir=str(home / "runs" / "a"), data=DataConfig(sources=sources), model=model
    )


def texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_bytes().decode("utf-8", "replace")
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_no_file_of_a_release_names_the_run_or_a_home(
    run: RunConfig, released: Callable[..., Path], tmp_path: Path
) -> None:
    absent = [
        {
            "suite": "own",
            "optional": True,
            "reason": f"{tmp_path}/home/alice/suite.jsonl is not there",
        }
    ]
    target = released(
        run, absent=absent, cache=f"{run.run_dir}/x", python=f"{Path.home()}/bin/python"
    )
    found = texts(target)
    assert {
        "README.md",
        "config.json",
        "evidence/config.yaml",
        "evidence/report.html",
        "evidence/results.json",
    } <= set(found)
    assert not [name for name, text in found.items() if str(tmp_path) in text or "alice" in text]
    assert "/path/to/free.jsonl" in found["evidence/config.yaml"]
    assert read_json(target / "config.json") == {"tokenizer_file": "/path/to/base/tokenizer.json"}


def test_only_prompts_whose_licence_says_so_are_quoted_and_no_completion_to_a_harmful_one(
    run: RunConfig, released: Callable[..., Path]
) -> None:
    own = [
        Prompt(
            id="o",
            prompt=user("Whose words are these?"),
            kind="benign",
            suite="own",
            source="o",
            licence="evaluation only",
        )
    ]
    page = texts(released(run, own=own))["evidence/report.html"]
    assert "requestfree" in page
    assert "requestnc" in page
    assert "requestwho" not in page
    assert "Whose words" not in page
    assert page.count("[redacted: ") == 2 * page.count("harmful prompt, suite") > 0
    assert "on a benign one" in page
    assert "on a harmful one" not in page
    assert "come from data of which it is not said that they may be passed on" in page


def test_a_prompt_with_a_record_number_is_not_quoted_and_the_search_is_told(
    run: RunConfig,
    released: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("data_prep.lint.personal_patterns.find_spec", lambda name: None)
    source = run.data.sources[0]
    rows = [
        {
            "prompt": f"free{n} request{n} {SECRET}",
            "completion": "No.",
            "kind": "benign",
            "id": f"r{n}",
        }
        for n in range(40)
    ]
    Path(source.path).write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = dataclasses.replace(
        run, data=dataclasses.replace(run.data, sources=[source, run.data.sources[1]])
    )
    found = texts(released(run))
    assert not [name for name, text in found.items() if SECRET in text or "00482913" in text]
    said = (
        "personal data were looked for by built-in patterns (the extra `pii` knows more kinds and "
        "is not installed: pip install -e '.[pii]')"
    )
    assert said in capsys.readouterr().out
    record = json.loads(found["evidence/personal_data.json"])
    assert record["training_rows"]["kinds"] == {
        "RECORD_NUMBER": record["training_rows"]["with_findings"]
    }
    assert record["training_rows"]["with_findings"] > 0
    assert record["test_prompts"]["with_findings"] > 0
    assert "training rows hold what looks like them: " in found["README.md"]


def test_completions_that_hold_personal_data_keep_their_prompt_from_being_quoted(
    run: RunConfig, released: Callable[..., Path]
) -> None:
    found = texts(released(run, completion="Write to jane.doe@example.com."))
    assert not [name for name, text in found.items() if "jane.doe" in text or "requestfree" in text]


def test_personal_data_in_the_sides_of_pairs_are_found(
    run: RunConfig, released: Callable[..., Path]
) -> None:
    target = released(run, rejected="Write to jane.doe@example.com.")
    record = read_json(target / "evidence" / "personal_data.json")
    assert record["preference_pairs"] == {
        "rows": 1,
        "with_findings": 1,
        "kinds": {"EMAIL_ADDRESS": 1},
    }
    assert "1 of 1 preference pairs hold what looks like them: 1" in (
        (target / "README.md").read_text()
    )


def test_ids_of_rows_stay_in_the_run(run: RunConfig, released: Callable[..., Path]) -> None:
    target = released(run)
    assert not [name for name, text in texts(target / "evidence").items() if "over_refused" in text]
