"""What a finished run shows and passes on: report, card, released model, and who may read them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from eval.measure import joined
from records.permissions import current_umask
from records.rows import (
    Completion,
    Prompt,
    Score,
    read_records,
)
from records.stage_folder import read_json, sha256_file

pytestmark = pytest.mark.slow


class Resources(HTMLParser):
    """What a browser would fetch to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.styles = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            linked = name in ("src", "srcset", "data", "poster", "xlink:href") or (
                name == "href" and tag != "a"
            )
            if linked and value and not value.startswith(("data:", "#")):
                self.fetched.append(f"<{tag} {name}={value[:80]}>")
            if name == "style":
                self.styles += value or ""


def test_the_report_is_one_file_that_fetches_nothing(finished: Path) -> None:
    html = (finished / "eval" / "report.html").read_text(encoding="utf-8")
    page = Resources()
    page.feed(html)
    assert not page.fetched
    assert "@import" not in html
    assert not re.search(r"url\(\s*['\"]?(?!data:|#)", html)
    assert "<html" in html
    assert "over-refus" in html.lower()


def test_answers_rated_harmful_are_not_in_what_is_released(finished: Path) -> None:
    published = "\n".join(
        p.read_text(encoding="utf-8")
        for p in (finished / "release").rglob("*")
        if p.suffix in (".md", ".html", ".json", ".yaml")
    )
    prompts = read_records(finished / "eval" / "prompts.jsonl", Prompt)
    completions = read_records(finished / "eval" / "completions.jsonl", Completion)
    scores = read_records(finished / "eval" / "scores.jsonl", Score)
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
model = AutoModelForCausalLM.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
chat = [{"role": "user", "content": "What is a normal resting heart rate?"}]
inputs = tokenizer.apply_chat_template(
    chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
made = model.generate(**inputs, max_new_tokens=8, do_sample=False)
assert made.shape[1] > inputs["input_ids"].shape[1]
assert torch.isfinite(model(**inputs).logits).all()
print("LOADED", sum(p.numel() for p in model.parameters()))
"""


def test_a_run_is_its_owners_and_a_release_is_everybodys_and_names_no_folder_of_this_machine(
    finished: Path, tiny_directory: Path
) -> None:
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


def test_the_released_model_loads_and_writes_without_primum(finished: Path) -> None:
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


def test_the_card_carries_gates_numbers_and_licence(finished: Path) -> None:
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


def test_a_release_gate_that_is_not_met_is_named_and_releases_nothing(
    copy_of: Callable[[], Path],
    primum: Callable[..., subprocess.CompletedProcess[str]],
    tiny_run: Callable[..., list[str]],
) -> None:
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
