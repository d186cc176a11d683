"""The Python API: what it exports, and every example and the notebook, run as they stand."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import primum
from primum import load_pairs, refusal, rooms_path
from records.errors import RecordError
from records.rows import Pair, assistant, user

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def log(tmp_path: Path) -> Path:
    rows = [
        {
            "prompt": "How do I backdate a chart entry?",
            "completion": "I'm sorry, but I can't help with that.",
        },
        {
            "prompt": "Is ibuprofen safe with food?",
            "completion": "Yes. Most adults take 400 mg with food.",
        },
        {"prompt": "And on an empty stomach?", "completion": ""},
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_every_name_is_there_and_none_more() -> None:
    assert set(primum.__all__) == set(primum._HOMES)
    assert all(getattr(primum, name) is not None for name in primum.__all__)
    assert primum.__version__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        primum.nonsense  # noqa: B018


def test_every_name_has_its_place_in_the_api_pages(tmp_path: Path) -> None:
    pytest.importorskip("pdoc")
    from primum.api_pages import write_pages

    write_pages(tmp_path)
    page = (tmp_path / "primum.html").read_text(encoding="utf-8")
    assert not [name for name in primum.__all__ if f'<section id="{name}">' not in page]
    for words in (
        "One verdict a completion",
        "What `primum measure` does",
        "The reference is the model as it is",
        "Metrics carry TRL",
    ):
        assert words.replace("`primum measure`", "<code>primum measure</code>") in page


def test_refusal() -> None:
    assert [refusal(text) for text in ("I can't help with that.", "Take it with food.")] == [
        "full",
        "none",
    ]


@pytest.mark.embedded
def test_a_log_is_scored(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = example("score_a_log").main(str(log))
    assert counts["declines: full"] == 1
    assert counts["unscored"] == 1
    assert "backdate" not in capsys.readouterr().out


def test_a_scorer_of_ones_own(log: Path) -> None:
    assert example("own_scorer").main(str(log)) == [0.0, 1.0, None]


def test_dpo_from_a_file_of_pairs(tiny_directory: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    rows = [
        {
            "prompt": f"Question {k}?",
            "chosen": "I can't help with that.",
            "rejected": f"Here is how: {k}.",
        }
        for k in range(4)
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    losses = example("dpo_from_pairs").main(str(tiny_directory), str(path), str(tmp_path / "out"))
    assert losses[0] == pytest.approx(math.log(2), abs=1e-3)
    assert len(losses) == 4
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "policy").config.vocab_size


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {
            "prompt": [{"role": "user", "content": "a"}],
            "chosen": [{"role": "assistant", "content": "b"}],
            "rejected": "c",
        },
        {
            "chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
            "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}],
        },
    ],
)
def test_pairs_of_every_shape_are_one(
    tmp_path: Path, row: dict[str, list[dict[str, str]] | str]
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (pair,) = load_pairs(path)
    assert [messages[0]["content"] for messages in (pair.prompt, pair.chosen, pair.rejected)] == [
        "a",
        "b",
        "c",
    ]
    path.write_text(json.dumps(pair.to_json()) + "\n")
    assert load_pairs(path) == [pair]


def test_a_row_that_is_no_pair_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"prompt": "a", "chosen": "b"}\n')
    with pytest.raises(RecordError, match=r"pairs\.jsonl:1: rejected: wanted a text"):
        load_pairs(path)


def own_row() -> dict[str, Any]:
    return Pair(
        id="p", prompt=user("a"), chosen=assistant("b"), rejected=assistant("c"), prompt_id="q",
        pair_type="harm", kind="harmful", split="train", chosen_source="a", rejected_source="b",
        chosen_score=1.0, rejected_score=4, margin=3.0,
    ).to_json()  # fmt: skip


def test_a_row_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(own_row()) + "\n")
    assert [pair.to_json() for pair in load_pairs(path)] == [own_row()]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"prompt": "text"}, "prompt: wanted a list of messages, got str"),
        ({"chosen": [{"role": "assistant", "content": None}]}, "chosen: wanted a text or a list"),
        ({"rejected": [{"role": 1, "content": "c"}]}, "rejected: wanted a text or a list"),
        ({"chosen": [{"role": "user", "content": "b"}]}, "a completion holds no user message"),
        ({"margin": "3"}, "margin: wanted a number, got '3'"),
        ({"chosen_score": True}, "chosen_score: wanted a number"),
        ({"kind": "bad"}, "kind: wanted harmful, benign, got 'bad'"),
        ({"prompt_id": 7}, "prompt_id: wanted a text"),
    ],
)
def test_a_row_of_ones_own_with_another_type_is_named_with_its_line(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({**own_row(), **changed}) + "\n")
    with pytest.raises(RecordError, match=rf"pairs\.jsonl:1: {re.escape(said)}"):
        load_pairs(path)


def test_a_row_of_trl_without_content_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    row = {"prompt": "a", "chosen": [{"role": "assistant", "content": None}], "rejected": "c"}
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(RecordError, match=r"pairs\.jsonl:1: chosen: wanted a text"):
        load_pairs(path)


def test_pairs_that_are_left_out_are_counted(tiny_directory: Path, tmp_path: Path) -> None:
    from models.config import ModelConfig
    from models.loading.load import load_tokenizer
    from primum.training import _encoded

    tokenizer = load_tokenizer(ModelConfig(path=str(tiny_directory)))
    good = Pair.from_json(own_row())
    alike = replace(good, rejected=good.chosen)
    with pytest.warns(UserWarning, match="1 of 2 pairs are left out: too long for max_length=64"):
        kept = _encoded(tokenizer, [good, alike], 64, tmp_path)
    assert len(kept) == 1
    counts = json.loads((tmp_path / "tokens.json").read_text())
    assert (counts["pairs"], counts["dropped_too_long_or_identical_after_cutting"]) == (2, 1)


@pytest.mark.embedded
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells in their order, each value of a last line compared with nothing but that there is
    one.
    """
    monkeypatch.setenv("PRIMUM_CACHE", str(tmp_path))
    notebook = json.loads((EXAMPLES / "measure_a_model.ipynb").read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    assert names["declines"] == ["full", "none"]
    assert "report.html" in os.listdir(names["FOLDER"] / "measured")  # type: ignore[operator]


def test_a_module_of_the_users_own_with_a_rooms_name_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.py").write_text("")
    monkeypatch.setattr(
        rooms_path,
        "find_spec",
        lambda room: importlib.util.spec_from_file_location(room, tmp_path / f"{room}.py"),
    )
    with pytest.raises(ImportError, match="another one before it"):
        rooms_path.find_rooms()


WHEEL = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
USE = (
    "import sys, primum; print(primum.refusal('I cannot help with that.')); from primum.__main__ "
    "import main; sys.argv = ['primum', 'config', 'run.yaml']; sys.exit(main())"
)


@pytest.mark.process
def test_a_wheel_puts_one_package_into_site_packages_and_works_there(tmp_path: Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    left_out = shutil.ignore_patterns("__pycache__", "*.pyc")
    for room in (*rooms_path.ROOMS, "primum"):
        shutil.copytree(ROOT / room, source / room, ignore=left_out)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-c", WHEEL, str(tmp_path)],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=300,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    tops = sorted(path.name for path in site.iterdir())
    assert tops[0] == "primum"
    assert [name for name in tops[1:] if not name.endswith(".dist-info")] == []
    (info,) = site.glob("*.dist-info")
    assert (info / "top_level.txt").read_text() == "primum\n"
    shipped = {
        path.relative_to(site / "primum" / "rooms")
        for path in (site / "primum" / "rooms").rglob("*")
        if path.is_file()
    }
    wanted = {
        path.relative_to(ROOT)
        for room in rooms_path.ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped == wanted
    (tmp_path / "run.yaml").write_text("run_dir: runs/x\n")
    # -I keeps the checkout off the path, which an editable installation would put there; libraries
    # come from where they are.
    paths = [str(site), *(path for path in sys.path if "site-packages" in path)]
    script = (
        "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f)]; "
        f"sys.path[:0] = {paths!r}; {USE}"
    )
    used = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert used.returncode == 0, used.stderr
    assert used.stdout.startswith("full\n")
    assert "run_dir: runs/x" in used.stdout
