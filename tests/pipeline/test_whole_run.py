"""`primum run` on a tiny model: every artefact, what it says, and what a second run does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from data_prep.splits.split_files import LEARNED_FROM, read_splits
from eval.measure import joined
from eval.results.results import Results
from records.escaping import json_text
from records.permissions import current_umask
from records.rows import (
    Completion,
    Demonstration,
    Pair,
    Prompt,
    Score,
    read_json_lines,
    read_records,
    text_of,
)
from records.run_files import SPLITS
from records.stage_folder import StageDirectory, read_json, sha256_file
from reward.refusal.rule import split_refusal

pytestmark = pytest.mark.slow

ARTEFACTS = {
    "prep": {
        *(f"{name}.{split}.jsonl" for name in ("prompts", "demonstrations") for split in SPLITS),
        *("README.md", "lint.json", "decontamination.json", "data_card.md", "croissant.json"),
    },
    "sample": {
        "README.md",
        *(
            f"{name}.{split}.jsonl"
            for name in ("completions", "refusals")
            for split in LEARNED_FROM
        ),
    },
    "reward": {
        "reward_model/model.safetensors",
        "reward_model/harmfulness_head.safetensors",
        "reward_model/harmfulness.json",
        "validation.json",
        "metrics.jsonl",
    },
    "score": {"scores.jsonl"},
    "pairs": {
        "README.md",
        "pairs.train.jsonl",
        "pairs.val.jsonl",
        "pairs.report.json",
        "data_card.md",
        "croissant.json",
    },
    **{
        stage: {
            "policy/model.safetensors",
            "policy/tokenizer.json",
            "adapter/adapter_model.safetensors",
            "adapter/tokenizer.json",
            "adapter/README.md",
            "metrics.jsonl",
            "scoreboard.jsonl",
            "selection.json",
        }
        for stage in ("sft", "dpo", "sft_control")
    },
    "eval": {
        "README.md",
        "prompts.jsonl",
        "completions.jsonl",
        "scores.jsonl",
        "results.json",
        "report.html",
        "report.md",
        "samples.html",
    },
    "release": {
        f"tiny-released/{name}"
        for name in (
            "README.md",
            "model.safetensors",
            "evidence/results.json",
            "evidence/report.html",
            "evidence/gates.json",
        )
    },
}
POLICIES = ["base", "sft", "sft_control", "dpo"]
ESTIMATE = {"mean", "interval", "n", "unscored"}


@pytest.mark.parametrize("stage", ARTEFACTS)
def test_a_stage_leaves_its_artefacts_and_a_manifest_that_is_right(finished, stage):
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


def test_run_json_walks_every_number_back_to_code_and_inputs(finished):
    run = read_json(finished / "eval" / "run.json")
    assert run["commit"] is None or re.fullmatch(r"[0-9a-f]{40}", run["commit"])
    assert run["config"]["run_dir"] == str(finished)
    assert {"sft", "dpo", "sft_control"} <= {name.split("/")[0] for name in run["inputs"]}
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in run["inputs"].values())


def test_rows_are_of_their_types_and_their_numbers_match_the_manifests(finished):
    kinds = {
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


def test_a_data_set_library_reads_each_folder_of_rows(finished, tmp_path):
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
    stage, finished, tmp_path, monkeypatch
):
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


def test_no_test_prompt_was_trained_on(finished):
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


def test_every_safe_answer_that_declines_is_gone_on_from_in_the_policys_words(finished):
    answers = {d.id: d for d in read_splits(finished / "prep", "demonstrations", Demonstration)}
    rows = read_splits(finished / "sample", "refusals", Completion, LEARNED_FROM)
    openings = {
        d.id: parts[0] for d in answers.values() if (parts := split_refusal(text_of(d.completion)))
    }
    assert {row.prompt_id for row in rows} == {
        i for i in openings if answers[i].kind == "harmful" and answers[i].split != "test"
    }
    assert all(text_of(row.completion).startswith(openings[row.prompt_id]) for row in rows)


def test_results_hold_every_policy_and_suite_with_interval_n_and_unscored(finished):
    results = read_json(finished / "eval" / "results.json")
    assert json_text(Results.from_json(results).to_json()) == json_text(results)
    assert sorted(results["policies"]) == sorted(POLICIES)
    steps = {name: policy["optimiser_steps"] for name, policy in results["policies"].items()}
    assert steps["base"] == 0
    assert steps["dpo"] == steps["sft_control"] > steps["sft"] > 0
    for policy in results["policies"].values():
        assert {suite["kind"] for suite in policy["suites"].values()} == {"harmful", "benign"}
        for suite in policy["suites"].values():
            assert set(suite["harmfulness"]) == ESTIMATE
            assert (
                set(suite["refusal_rate" if suite["kind"] == "harmful" else "over_refusal_rate"])
                == ESTIMATE
            )
            assert suite["harmfulness"]["n"] + suite["harmfulness"]["unscored"] == suite["n"]
    assert {row["stage"] for row in results["scoreboard"]} == {"sft", "dpo"}
    assert sum(row["chosen"] for row in results["scoreboard"]) == 2
    assert results["validation"]["reward_model"]["auroc"]["n"] > 0
    assert {"model", "seed", "commit", "versions", "machine", "input_sha256"} <= set(
        results["provenance"]
    )


def test_dpo_starts_at_ln_2(finished):
    first = next(
        row for _, row in read_json_lines(finished / "dpo" / "metrics.jsonl") if "loss" in row
    )
    assert first["loss"] == pytest.approx(0.6931, abs=1e-3)


def test_the_scoreboard_has_a_row_before_training_and_one_an_epoch(finished):
    epochs = {
        stage: [row["epoch"] for _, row in read_json_lines(finished / stage / "scoreboard.jsonl")]
        for stage in ("sft", "dpo", "sft_control")
    }
    assert epochs == {"sft": [0, 1, 2], "dpo": [0, 1], "sft_control": [0, 1]}


class Resources(HTMLParser):
    """What a browser would fetch to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.styles = ""

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            linked = name in ("src", "srcset", "data", "poster", "xlink:href") or (
                name == "href" and tag != "a"
            )
            if linked and value and not value.startswith(("data:", "#")):
                self.fetched.append(f"<{tag} {name}={value[:80]}>")
            if name == "style":
                self.styles += value or ""


def test_the_report_is_one_file_that_fetches_nothing(finished):
    html = (finished / "eval" / "report.html").read_text(encoding="utf-8")
    page = Resources()
    page.feed(html)
    assert not page.fetched
    assert "@import" not in html
    assert not re.search(r"url\(\s*['\"]?(?!data:|#)", html)
    assert "<html" in html
    assert "over-refus" in html.lower()


def test_answers_rated_harmful_are_not_in_what_is_released(finished):
    published = "\n".join(
        p.read_text(encoding="utf-8")
        for p in (finished / "release").rglob("*")
        if p.suffix in (".md", ".html", ".json", ".yaml")
    )
    prompts, completions, scores = (
        read_records(finished / "eval" / f"{name}.jsonl", kind)
        for name, kind in (("prompts", Prompt), ("completions", Completion), ("scores", Score))
    )
    asked = {(prompt.suite, prompt.id): prompt for prompt in prompts}
    wanted = [asked[made.suite, made.prompt_id] for made in completions for _ in ("policy",)]
    harmful = [
        row
        for row in joined(wanted, completions, scores)
        if row.kind == "harmful" and (row.harmfulness or 0) >= 2.5
    ]
    assert harmful
    assert not [row.id for row in harmful if len(row.text) > 20 and row.text in published]


LOAD = """
import sys
for name in ("data_prep", "models", "reward", "train", "eval", "pipeline"):
    sys.modules[name] = None  # an import of Primum would fail
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
folder = sys.argv[1]
model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
chat = [{"role": "user", "content": "What is a normal resting heart rate?"}]
inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
made = model.generate(**inputs, max_new_tokens=8, do_sample=False)
assert made.shape[1] > inputs["input_ids"].shape[1]
assert torch.isfinite(model(**inputs).logits).all()
print("LOADED", sum(p.numel() for p in model.parameters()))
"""


def test_a_run_is_its_owners_and_a_release_is_everybodys_and_names_no_folder_of_this_machine(
    finished, tiny_directory
):
    open_to = 0o777 & ~current_umask()
    target = finished / "release" / "tiny-released"
    for path in (finished, *finished.rglob("*")):
        mode = path.stat().st_mode & 0o777
        if path == target or target in path.parents:
            assert mode == (open_to if path.is_dir() else open_to & 0o666), path
        else:
            passable = path in (finished, target.parent)
            assert mode & 0o077 == (0o011 & open_to if passable else 0), path
    private = [
        str(folder).encode() for folder in (finished, tiny_directory, Path.home(), Path.cwd())
    ]
    for path in target.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not [
            folder for folder in private if re.search(re.escape(folder) + rb"(?![\w-])", content)
        ], path


def test_the_released_model_loads_and_writes_without_primum(finished):
    """As the model card says to use it, in a process that cannot import Primum."""
    target = finished / "release" / "tiny-released"
    result = subprocess.run(
        [sys.executable, "-I", "-c", LOAD, str(target)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert "LOADED" in result.stdout, result.stderr[-2000:]
    assert sha256_file(target / "model.safetensors") == sha256_file(
        finished / "dpo" / "policy" / "model.safetensors"
    )


def test_the_card_carries_gates_numbers_and_licence(finished):
    card = (finished / "release" / "tiny-released" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: transformers")
    gates = read_json(finished / "release" / "tiny-released" / "evidence" / "gates.json")
    assert all(gate["passed"] for gate in gates)
    assert card.count("- passed: ") == sum(gate["outcome"] == "passed" for gate in gates)
    assert card.count("- **accepted**: ") == sum(gate["outcome"] == "accepted" for gate in gates)
    results = read_json(finished / "eval" / "results.json")
    assert results["verdict"] in card
    assert results["policies"]["dpo"]["selection"]["reason"] in card
    assert "license: other" in card
    assert "**Out of scope:** Advice to patients" in card
    assert "**Not stated:** population, human oversight, change plan, contact" in card


def mtimes(run_dir: Path) -> dict[str, int]:
    return {
        str(p.relative_to(run_dir)): p.stat().st_mtime_ns
        for p in run_dir.rglob("*")
        if p.is_file() and p.parent != run_dir
    }


def test_a_second_run_does_nothing(finished, primum, tiny_run):
    before = mtimes(finished)
    result = primum("run", *tiny_run(finished))
    assert result.returncode == 0, result.stderr
    said = result.stdout.splitlines()
    assert [line.split()[0] for line in said if line.endswith("nothing changed, kept")] == list(
        ARTEFACTS
    )
    assert mtimes(finished) == before


def test_a_changed_beta_does_dpo_and_what_reads_it_again_and_nothing_else(
    copy_of, primum, tiny_run
):
    run_dir = copy_of()
    result = primum("run", *tiny_run(run_dir, "dpo.beta=0.3"))
    assert result.returncode == 0, result.stderr
    kept = {
        line.split()[0]
        for line in result.stdout.splitlines()
        if line.endswith("nothing changed, kept")
    }
    done = {
        line.split()[0]
        for line in result.stdout.splitlines()
        if re.search(r"\bdone in \d+ s$", line)
    }
    assert done == {"dpo", "eval", "release"}
    assert kept == set(ARTEFACTS) - done
    assert {p.name for p in (run_dir / "previous").iterdir()} == {"dpo-1", "eval-1", "release-1"}
    assert read_json(run_dir / "dpo" / "run.json")["config"]["dpo"]["beta"] == 0.3


def test_stages_one_by_one_are_the_same_run(finished, copy_of, primum, tiny_run, evidence):
    """Each stage alone, in a fresh directory that starts from prep's and sample's artefacts."""
    run_dir = copy_of()
    for stage in ("release", "eval", "sft_control", "dpo"):
        (run_dir / stage / "manifest.json").unlink()
    for stage in ("dpo", "sft_control", "eval", "release"):
        result = primum(stage, *tiny_run(run_dir))
        assert result.returncode == 0, result.stderr
    assert evidence(run_dir) == evidence(finished)


def test_a_release_gate_that_is_not_met_is_named_and_releases_nothing(copy_of, primum, tiny_run):
    run_dir = copy_of()
    result = primum(
        "run",
        *tiny_run(
            run_dir,
            "release.gate.max_harmfulness=1.0",
            "release.gate.max_over_refusal_increase=-0.5",
        ),
    )
    assert result.returncode == 3
    assert "Traceback" not in result.stderr
    assert "gate not met: harmfulness on harmful" in result.stderr
    assert "gate not met: rise in over-refusal on twins" in result.stderr
    assert not (run_dir / "release" / "manifest.json").exists()
    assert not (run_dir / "release" / "tiny-released").exists()
    assert (run_dir / "previous" / "release-1" / "tiny-released" / "README.md").is_file()


def test_measuring_its_policies_without_the_run_gives_its_own_figures(
    finished, tiny_directory, tmp_path, monkeypatch
):
    from pipeline.commands.measure import measure
    from pipeline.measuring.request import Request
    from pipeline.run.config_loading import load_config

    monkeypatch.setenv("PRIMUM_CACHE", str(tmp_path / "cache"))
    own_eval = load_config(finished / "config.yaml").eval
    settings = [
        f"eval.generation.{name}={value}" for name, value in vars(own_eval.generation).items()
    ]
    settings.append(f"eval.factors={str(own_eval.factors).lower()}")
    made = measure(
        Request(
            model=str(tiny_directory), words=[str(finished), *settings],
            against=[str(finished / "dpo")],
            scorers=[f"run={finished}"], output=tmp_path / "out",
        )
    )  # fmt: skip
    own = read_json(finished / "eval" / "results.json")
    for policy in ("base", "dpo"):
        assert made["policies"][policy]["suites"] == own["policies"][policy]["suites"], policy
    wanted = [
        row for row in own["comparisons"] if (row["policy"], row["baseline"]) == ("dpo", "base")
    ]
    assert [{**row, "p_holm": None} for row in made["comparisons"]] == [
        {**row, "p_holm": None} for row in wanted
    ]
