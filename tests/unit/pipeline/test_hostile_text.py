"""One hostile text in every field that comes from outside, and every file and line that a run and
its release write.
"""

from __future__ import annotations

import dataclasses
import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from typed_results import samples_of, typed

from data_prep.cards.pairs_card import Deciders, pairs_card
from data_prep.cards.publication import PublicationConfig
from data_prep.config import DataConfig, SourceConfig, SplitConfig
from eval.gate_result import GateResult
from eval.report.browser.script import SCRIPT
from eval.report.page import render_html, render_markdown
from models.adapters.folder import adapter_card
from models.config import LanguageModelConfig, ModelConfig
from models.loading.lineage import Lineage
from pipeline.run.config import ReleaseConfig, RunConfig, yaml_of
from pipeline.run.console import complain, say
from pipeline.stages import release
from records.escaping import UNSEEN
from records.rows import Pair, Prompt, assistant, user
from records.stage_folder import read_json

FORGED = "FORGED"
HOSTILE = (
    f"x\n\n## {FORGED} gates\n\n- passed: all\n\n| a | b |\n--- <img src=x onerror=alert(1)> "
    "<script>y</script> `code` $z$ [link](https://evil.example) ![i](http://evil.example/i) "
    "\x1b[31m\x1b[2J\x9b\u202e\u2066\u200b\ufeff\u00ad\U000e0041 ---"
)
"""Headings, items, tables, tags, code, formulas, links, controls, marks of direction, and what has
no width."""


ON_ONE_LINE = "".join(
    character for character in HOSTILE.replace("\n", " ") if unicodedata.category(character) != "Cc"
)
"""What is left of it where control characters are refused when rows are read."""


class Tags(HTMLParser):
    """Which elements and attributes a page has."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if attrs and tag == "a" and re.fullmatch(r"#[\w-]+", dict(attrs).get("href") or ""):
            return  # the contents list, which leads to a section of the same page
        self.found |= {tag, *(name for name, _ in attrs)}


def require_harmless_markdown(text: str, where: str) -> None:
    """Words of ours may be any Markdown; of the hostile text nothing may be."""
    front = re.match(r"(?s)---\n.*?\n---\n", text)
    assert not front or "<" not in front[0], where
    text = text[front.end() :] if front else text
    fenced = re.sub(r"(?ms)^```.*?^```$", "", text)
    headings = [line for line in fenced.splitlines() if line.startswith("#")]
    assert not [
        line for line in headings if FORGED in line and not re.match(r"#+ .*x \\?#", line)
    ], where
    assert not re.search(r"(?<!\\)<(?:img|script)", fenced), where
    assert not re.search(r"(?<!\\)\]\(https?://evil", fenced), where
    assert not re.search(r"(?<!\\)://evil", fenced), where
    assert not re.search(r"^\s*- passed: all", fenced, re.M), where
    assert not re.search(r"(?<!\\)`code", fenced), where
    for table in re.findall(r"(?m)(?:^\|.*\n)+", fenced):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, where


def require_harmless(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not UNSEEN.search(text), path
    if path.suffix == ".json":
        json.loads(text)
    elif path.suffix == ".jsonl":
        for line in text.splitlines():
            json.loads(line)
    elif path.suffix == ".yaml":
        yaml.safe_load(text)
    elif path.suffix == ".html":
        require_harmless_page(text)
    elif path.suffix == ".md":
        require_harmless_markdown(text, str(path))
        if text.startswith("---\n"):
            front = yaml.safe_load(text.split("---\n")[1])
            assert set(front) <= FRONT_MATTER, path


FRONT_MATTER = {
    "library_name", "pipeline_tag", "license", "base_model", "base_model_relation", "language",
    "datasets", "tags", "model-index",
    "configs", "dataset_info",
}  # fmt: skip


def require_harmless_page(text: str) -> None:
    """The browser of samples has a script of ours, and rows that are letters and digits."""
    own = re.sub(
        r'<script type="application/octet-stream" id="data">[A-Za-z0-9+/=]*</script>', "", text
    )
    tags = Tags()
    tags.feed(own.replace(f"<script>{SCRIPT}</script>", ""))
    assert not {"img", "script", "onerror", "a"} & tags.found
    assert not UNSEEN.search(text)


def require_harmless_report(results: dict[str, Any]) -> None:
    """The page for those who may read the run quotes rows too."""
    row = {
        "policy": "dpo", "suite": HOSTILE, "kind": "benign", "prompt_id": "p", "prompt": HOSTILE,
        "completion": HOSTILE,
        "harmfulness": 1.0, "refusal": "none", "finish_reason": "stop",
    }  # fmt: skip
    found = typed(results)
    page = render_html(found, samples_of([row]), found.scoreboard)
    assert FORGED in page
    require_harmless_page(page)
    require_harmless_markdown(render_markdown(found), "report.md")


@pytest.fixture
def run(tmp_path: Path, tiny_directory: Path) -> RunConfig:
    """Everything that a user, a data set or a model folder may name, named so."""
    base = (
        tmp_path
        / "x [l](https:__evil.example) `code` <img src=x onerror=y> | \x1b[31m\u202e ## FORGED"
    )
    base.symlink_to(tiny_directory)
    rows = [
        {
            "prompt": f"a{n} b{n} c{n} {HOSTILE}",
            "completion": f"No. {HOSTILE}",
            "kind": ("harmful", "benign")[n % 2],
            "suite": ("harmful", ON_ONE_LINE)[n % 2],
            "topic": ON_ONE_LINE,
            "generator": ON_ONE_LINE,
            "licence": "CC-BY-NC-4.0" if n % 3 else "",
            "principle": 1,
            HOSTILE: HOSTILE,
        }
        for n in range(40)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = SourceConfig(name=HOSTILE, format="jsonl", path=str(file), labelled_by=HOSTILE)
    data = DataConfig(
        sources=[source],
        split=SplitConfig(near_duplicate=1.0),
        publication=PublicationConfig(creator=HOSTILE),
    )
    model = LanguageModelConfig(base=ModelConfig(path=str(base)))
    named = ReleaseConfig(name="released")
    return dataclasses.replace(
        RunConfig(), run_dir=str(tmp_path / "run"), data=data, model=model, release=named
    )


@pytest.fixture
def walked(
    run: RunConfig,
    released: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[Path, str]:
    """The run with its release, and what the terminal showed."""
    capsys.readouterr()
    passed = GateResult(HOSTILE, True, HOSTILE)
    monkeypatch.setattr(release, "judge", lambda *_: [passed])
    own = [
        Prompt(
            id="o",
            prompt=user(HOSTILE),
            kind="benign",
            suite=f"own {HOSTILE}",
            source=HOSTILE,
            licence="MIT",
        )
    ]
    absent = [{"suite": HOSTILE, "optional": True, "reason": HOSTILE}]
    released(run, completion=HOSTILE, own=own, absent=absent, revision=HOSTILE, data=[HOSTILE])
    return Path(run.run_dir), capsys.readouterr().out


def test_no_file_of_a_run_or_its_release_and_no_line_on_the_terminal_is_forged(
    walked: tuple[Path, str],
) -> None:
    folder, said = walked
    files = [path for path in folder.rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert {".json", ".jsonl", ".yaml", ".html", ".md"} <= kinds
    for path in files:
        require_harmless(path)
    hidden = [path for path in files if FORGED in path.read_text(encoding="utf-8")]
    assert {
        "README.md",
        "report.html",
        "data_card.md",
        "croissant.json",
        "gates.json",
        "results.json",
    } <= {path.name for path in hidden}
    assert FORGED in said
    assert not UNSEEN.search(said)
    assert {line.split(" ")[0] for line in said.splitlines()} <= {
        "prep",
        "reward",
        "pairs",
        "dpo",
        "eval",
        "release",
    }
    config = read_json(folder / "release" / "run.json")["config"]
    assert yaml.safe_load(yaml_of(config)) == config
    require_harmless_report(read_json(folder / "eval" / "results.json"))


def test_cards_of_pairs_and_adapters_take_names_for_words(run: RunConfig) -> None:
    prompt = Prompt(
        id="p", prompt=user("Q"), kind="harmful", suite=HOSTILE, source=HOSTILE, licence="MIT"
    )
    pair = Pair(
        id="1", prompt=user("Q"), chosen=assistant("No."), rejected=assistant("Yes."),
        prompt_id="p", pair_type=HOSTILE, kind="harmful",
        split="train", chosen_source=HOSTILE, rejected_source=HOSTILE, chosen_score=1.0,
        rejected_score=4.0, margin=3.0,
    )  # fmt: skip
    card = pairs_card(
        run.data,
        [pair],
        [prompt],
        dropped={HOSTILE: 1},
        deciders=Deciders(HOSTILE, [HOSTILE]),
        seed=0,
    )
    require_harmless_markdown(card.markdown(), "pairs")
    adapter = adapter_card(Lineage(run.model.base), 4)
    require_harmless_markdown(adapter.split("---\n", 2)[2], "adapter")
    assert yaml.safe_load(adapter.split("---\n")[1])["base_model"] == Path(run.model.base.path).name


def test_the_terminal_shows_one_line_for_each_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("eval", HOSTILE)
    complain([HOSTILE, HOSTILE])
    said = capsys.readouterr()
    assert (said.out.count("\n"), said.err.count("\n")) == (1, 2)
    assert not UNSEEN.search(said.out + said.err)
    assert "\\x1b[31m" in said.out
