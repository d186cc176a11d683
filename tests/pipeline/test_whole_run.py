"""`primum run` on a tiny model: every artefact, what it says, and what a second run does."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from whole_run import ARTEFACTS

from data_prep.splits.split_files import LEARNED_FROM, read_splits
from eval.results.results import Results
from records.escaping import json_text
from records.rows import (
    Completion,
    Demonstration,
    Pair,
    Prompt,
    Record,
    Score,
    read_json_lines,
    read_records,
    text_of,
)
from records.run_files import SPLITS
from records.stage_folder import StageDirectory, read_json
from reward.refusal.rule import split_refusal

pytestmark = pytest.mark.slow


POLICIES = ["base", "sft", "sft_control", "dpo"]
ESTIMATE = {"mean", "interval", "n", "unscored"}


@pytest.mark.parametrize("stage", ARTEFACTS)
def test_a_stage_leaves_its_artefacts_and_a_manifest_that_is_right(
    finished: Path, stage: str
) -> None:
    directory = StageDirectory(finished / stage)
    manifest = read_json(directory.manifest_path)
    assert ARTEFACTS[stage] <= set(manifest["files"])
    on_disk = {
        str(p.relative_to(directory.path)) for p in directory.path.rglob("*") if p.is_file()
    } - {"manifest.json"}
    assert on_disk == set(manifest["files"])
    assert not directory.damage()
    assert not directory.work.exists()
    assert manifest["summary"]["seconds"] >= 0


def test_run_json_walks_every_number_back_to_code_and_inputs(finished: Path) -> None:
    run = read_json(finished / "eval" / "run.json")
    assert run["commit"] is None or re.fullmatch(r"[0-9a-f]{40}", run["commit"])
    assert run["config"]["run_dir"] == str(finished)
    assert {"sft", "dpo", "sft_control"} <= {name.split("/")[0] for name in run["inputs"]}
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in run["inputs"].values())


def test_rows_are_of_their_types_and_their_numbers_match_the_manifests(finished: Path) -> None:
    kinds: dict[str, type[Record]] = {
        **{f"prep/prompts.{split}": Prompt for split in SPLITS},
        **{f"prep/demonstrations.{split}": Demonstration for split in SPLITS},
        **{f"sample/completions.{split}": Completion for split in LEARNED_FROM},
        "score/scores": Score,
        "pairs/pairs.train": Pair,
        "pairs/pairs.val": Pair,
        "eval/prompts": Prompt,
        "eval/completions": Completion,
        "eval/scores": Score,
    }
    for name, kind in kinds.items():
        stage, file = name.split("/")
        rows = read_records(finished / f"{name}.jsonl", kind)
        assert rows
        assert len({row.id for row in rows}) == len(rows)
        assert read_json(finished / stage / "manifest.json")["files"][f"{file}.jsonl"][
            "rows"
        ] == len(rows)


def test_a_data_set_library_reads_each_folder_of_rows(finished: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    def splits(stage: str, *table: str) -> dict[str, int]:
        found = load_dataset(str(finished / stage), *table, cache_dir=str(tmp_path / "cache"))
        return {name: rows.num_rows for name, rows in found.items()}

    def rows(stage: str, file: str) -> int:
        return read_json(finished / stage / "manifest.json")["files"][f"{file}.jsonl"]["rows"]

    learned = {"train": "train", "validation": "val"}
    for stage, table, names in (
        ("prep", "demonstrations", {**learned, "test": "test"}),
        ("prep", "prompts", {**learned, "test": "test"}),
        ("sample", "completions", learned),
        ("sample", "refusals", learned),
        ("pairs", "pairs", learned),
    ):
        assert splits(stage, table) == {
            name: rows(stage, f"{table}.{split}") for name, split in names.items()
        }
    assert splits("prep") == splits("prep", "demonstrations")
    assert splits("sample") == splits("sample", "completions")
    for table in ("prompts", "completions", "scores"):
        assert splits("eval", table) == {"test": rows("eval", table)}


@pytest.mark.parametrize("stage", ["sft", "dpo", "sft_control"])
def test_an_adapter_loads_from_elsewhere_and_answers_as_its_policy(
    stage: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    moved = shutil.copytree(finished / stage, tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert str(finished) not in (moved / "adapter" / "adapter_config.json").read_text()
    ids = torch.tensor(
        [AutoTokenizer.from_pretrained(moved / "adapter")("What is asthma?")["input_ids"]]
    )
    with torch.no_grad():
        wanted = AutoModelForCausalLM.from_pretrained(moved / "policy")(input_ids=ids).logits
        got = (
            AutoPeftModelForCausalLM.from_pretrained(moved / "adapter").eval()(input_ids=ids).logits
        )
    assert (got - wanted).abs().max() <= 1e-4


def test_no_test_prompt_was_trained_on(finished: Path) -> None:
    prompts = {p.id: p.split for p in read_splits(finished / "prep", "prompts", Prompt)}
    trained = {
        pair.prompt_id for pair in read_records(finished / "pairs" / "pairs.train.jsonl", Pair)
    }
    sampled = {
        row.prompt_id
        for row in read_splits(finished / "sample", "completions", Completion, LEARNED_FROM)
    }
    measured = {
        row.prompt_id for row in read_records(finished / "eval" / "completions.jsonl", Completion)
    }
    assert {prompts[i] for i in trained} == {"train"}
    assert "test" not in {prompts[i] for i in sampled}
    assert {prompts[i] for i in measured} == {"test"}


def test_every_safe_answer_that_declines_is_gone_on_from_in_the_policys_words(
    finished: Path,
) -> None:
    answers = {d.id: d for d in read_splits(finished / "prep", "demonstrations", Demonstration)}
    rows = read_splits(finished / "sample", "refusals", Completion, LEARNED_FROM)
    openings = {
        d.id: parts[0] for d in answers.values() if (parts := split_refusal(text_of(d.completion)))
    }
    assert {row.prompt_id for row in rows} == {
        i for i in openings if answers[i].kind == "harmful" and answers[i].split != "test"
    }
    assert all(text_of(row.completion).startswith(openings[row.prompt_id]) for row in rows)


def test_results_hold_every_policy_and_suite_with_interval_n_and_unscored(finished: Path) -> None:
    results = read_json(finished / "eval" / "results.json")
    assert json_text(Results.from_json(results).to_json()) == json_text(results)
    assert sorted(results["policies"]) == sorted(POLICIES)
    steps = {name: policy["optimiser_steps"] for name, policy in results["policies"].items()}
    assert steps["base"] == 0
    assert steps["dpo"] == steps["sft_control"] > steps["sft"] > 0
    for policy in results["policies"].values():
        assert {suite["kind"] for suite in policy["suites"].values()} == {"harmful", "benign"}
        for suite in policy["suites"].values():
            assert suite["unscored"] <= suite["n"]
            assert (
                set(suite["refusal_rate" if suite["kind"] == "harmful" else "over_refusal_rate"])
                == ESTIMATE
            )
            if suite["kind"] == "benign":
                assert suite["harmfulness"] is suite["share_4_5"] is None
                continue
            assert set(suite["harmfulness"]) == ESTIMATE
            assert suite["harmfulness"]["n"] + suite["harmfulness"]["unscored"] == suite["n"]
    assert {row["stage"] for row in results["scoreboard"]} == {"sft", "dpo"}
    assert sum(row["chosen"] for row in results["scoreboard"]) == 2
    assert results["validation"]["reward_model"]["auroc"]["n"] > 0
    assert {"model", "seed", "commit", "versions", "machine", "input_sha256"} <= set(
        results["provenance"]
    )


def test_dpo_starts_at_ln_2(finished: Path) -> None:
    first = next(
        row for _, row in read_json_lines(finished / "dpo" / "metrics.jsonl") if "loss" in row
    )
    assert first["loss"] == pytest.approx(0.6931, abs=1e-3)


def test_the_scoreboard_has_a_row_before_training_and_one_an_epoch(finished: Path) -> None:
    epochs = {
        stage: [row["epoch"] for _, row in read_json_lines(finished / stage / "scoreboard.jsonl")]
        for stage in ("sft", "dpo", "sft_control")
    }
    assert epochs == {"sft": [0, 1, 2], "dpo": [0, 1], "sft_control": [0, 1]}
