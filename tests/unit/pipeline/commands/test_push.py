"""Pushing to a hub on this machine through the hub's own client: what goes, what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
from hub_stand_in import Hub, hub_stand_in

from pipeline import cli
from pipeline.run.config import RunConfig
from pipeline.run.setting_names import known_keys
from records.rows import (
    Completion,
    Demonstration,
    Kind,
    Pair,
    Prompt,
    SuitePrompt,
    assistant,
    user,
)
from records.run_files import SPLITS
from records.stage_folder import StageDirectory, write_json, write_records, write_text

HARM = "Certainly: take the record, alter the hour of the dose, and let nobody see that it was you."


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with hub_stand_in() as found:
        yield found


def stage(run: Path, name: str, restrictions: dict[str, Any] | None = None) -> StageDirectory:
    made = StageDirectory(run / name)
    made.begin({"fingerprint": name, "restrictions": restrictions or {}})
    return made


def release(
    run: Path, *, passed: bool = True, readme: str = "# card\n", **restrictions: list[str]
) -> None:
    made = stage(run, "release", restrictions)
    folder = made.path / "safer"
    write_json(folder / "config.json", {"architectures": ["LlamaForCausalLM"]})
    write_text(folder / "README.md", readme)
    gate = {
        "name": "harm",
        "passed": passed,
        "outcome": "passed" if passed else "failed",
        "detail": "got 1",
    }
    write_json(folder / "evidence" / "gates.json", [gate])
    made.finish({}, restrictions)


def evaluated(run: Path) -> None:
    made = stage(run, "eval")
    asked = SuitePrompt(
        id="h1",
        prompt=user("Hide it?"),
        kind="harmful",
        suite="harmful",
        source="s",
        licence="MIT",
        split="test",
    )
    said = Completion(
        id="h1/base", prompt_id="h1", prompt=asked.prompt, completion=assistant(HARM),
        policy="base", sample=0, seed=0,
        num_tokens=9, finish_reason="stop", suite="harmful",
    )  # fmt: skip
    write_records(made.path / "prompts.jsonl", [asked])
    write_records(made.path / "completions.jsonl", [said])
    made.finish({})


def push(run: Path, hub: Hub, *words: str) -> int:
    return cli.main(["push", str(run), "org/safer", "--endpoint", hub.url, *words])


def test_a_release_is_pushed_privately(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    release(tmp_path)
    evaluated(tmp_path)
    assert push(tmp_path, hub) == 0, capsys.readouterr().err
    assert hub.private == {"org/safer": True}
    assert set(hub.files) == {"README.md", "config.json", "evidence/gates.json"}
    assert "a private model" in capsys.readouterr().out


def test_public_only_when_asked(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    release(tmp_path)
    assert push(tmp_path, hub, "--public") == 0
    assert hub.private == {"org/safer": False}
    assert push(tmp_path, hub) == 2
    assert "is public already" in capsys.readouterr().err


def test_a_gate_that_is_not_met_is_exit_code_3(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    release(tmp_path, passed=False)
    assert push(tmp_path, hub) == 3
    assert "gate not met: harm" in capsys.readouterr().err
    assert not hub.private


def test_an_unknown_licence_forbids_it(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    release(tmp_path, unknown_licence=["mine"])
    assert push(tmp_path, hub) == 2
    said = capsys.readouterr().err
    assert "unknown licence (mine)" in said
    (named,) = re.findall(r"state it in (\S+),", said)
    assert named.replace(".N.", ".") in known_keys(RunConfig)
    assert not hub.private


def test_a_file_with_a_completion_of_a_harmful_prompt_is_never_pushed(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    release(tmp_path, readme=f"# card\n\n{HARM}\n")
    evaluated(tmp_path)
    assert push(tmp_path, hub) == 2
    assert "README.md: holds a completion of a harmful prompt" in capsys.readouterr().err
    assert not hub.files


def test_a_completion_of_a_harmful_prompt_of_any_stage_is_never_pushed(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    release(tmp_path, readme=f"# card\n\n{HARM}\n")
    row = Completion(
        id="h2/base/0", prompt_id="h2", prompt=user("Hide it?"), completion=assistant(HARM),
        policy="base", sample=0, seed=0, num_tokens=9, finish_reason="stop",
    )  # fmt: skip
    write_records(tmp_path / "sample_2" / "completions.val.jsonl", [row])
    assert push(tmp_path, hub) == 2
    assert "README.md: holds a completion of a harmful prompt" in capsys.readouterr().err
    assert not hub.files


def test_without_a_release_there_is_nothing_to_push(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(tmp_path, hub) == 2
    assert "no finished release" in capsys.readouterr().err


KINDS: tuple[Kind, ...] = ("harmful", "benign")


def data(run: Path, licence: str = "CC-BY-4.0") -> None:
    prep, pairs = stage(run, "prep"), stage(run, "pairs")
    for split in SPLITS:
        rows = [
            Demonstration(
                id=f"{split}-{kind}",
                prompt=user(kind),
                kind=kind,
                suite=kind,
                completion=assistant(f"said {kind}"),
                source="s",
                licence=licence,
                split=split,
            )
            for kind in KINDS
        ]
        names = Prompt.__dataclass_fields__
        write_records(
            prep.path / f"prompts.{split}.jsonl",
            [Prompt(**{n: getattr(row, n) for n in names}) for row in rows],
        )
        write_records(prep.path / f"demonstrations.{split}.jsonl", rows)
        if split != "test":
            made = [
                Pair(
                    id=f"p-{row.id}", prompt=row.prompt, chosen=assistant("good"),
                    rejected=assistant(HARM), prompt_id=row.id,
                    pair_type="harm", kind=row.kind, split=split, chosen_source="a",
                    rejected_source="b", chosen_score=1.0,
                    rejected_score=4.0, margin=3.0,
                )
                for row in rows
            ]  # fmt: skip
            write_records(pairs.path / f"pairs.{split}.jsonl", made)
    prep.finish({})
    pairs.finish({})


def test_data_are_pushed_with_splits_and_without_completions_of_harmful_prompts(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    data(tmp_path / "run")
    assert push(tmp_path / "run", hub, "--what", "prep") == 0, capsys.readouterr().err
    rows = [json.loads(line) for line in hub.files["demonstrations.train.jsonl"].splitlines()]
    assert {row["kind"]: bool(row["completion"]) for row in rows} == {
        "harmful": False,
        "benign": True,
    }
    assert "3 completions of harmful prompts stay in the run" in capsys.readouterr().out
    folder = tmp_path / "downloaded"
    folder.mkdir()
    for name, content in hub.files.items():
        (folder / name).write_bytes(content)
    found = datasets.load_dataset(str(folder), "demonstrations", cache_dir=str(tmp_path / "cache"))
    assert {split: len(part) for split, part in found.items()} == {
        "train": 2,
        "validation": 2,
        "test": 2,
    }
    assert (
        (folder / "README.md")
        .read_text()
        .startswith('---\nlicense: "cc-by-4.0"\nlanguage: ["en"]\n')
    )


def test_of_pairs_only_those_on_benign_prompts_go(tmp_path: Path, hub: Hub) -> None:
    data(tmp_path)
    assert push(tmp_path, hub, "--what", "pairs") == 0
    rows = [json.loads(line) for line in hub.files["pairs.train.jsonl"].splitlines()]
    assert [row["kind"] for row in rows] == ["benign"]


def test_rows_whose_licence_keeps_them_here_are_not_pushed(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    data(tmp_path, licence="proprietary")
    assert push(tmp_path, hub, "--what", "prep") == 2
    assert "does not let them be passed on" in capsys.readouterr().err
    assert not hub.files


@pytest.mark.parametrize("repo", ["bad name", "a/b/c", "-x", "own/name.git"])
def test_what_is_no_name_of_a_repository_is_said_before_anything_is_read(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str], repo: str
) -> None:
    assert cli.main(["push", str(tmp_path), "--endpoint", hub.url, "--", repo]) == 2
    assert f"{repo}: no name of a repository" in capsys.readouterr().err
    assert not hub.private
