"""The Python API: what it exports, and every example and the notebook, run as they stand."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import primum
from primum import refusal, rooms_path

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
