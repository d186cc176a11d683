"""What the pages tell people to type is what Primum takes: commands, and settings in YAML."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from pipeline.arguments import parser
from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.setting_names import known_keys

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *ROOT.glob("docs/*.md")]
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\s*\$ (?:[A-Z_]+=\S+ )*primum (.*)$")
BLOCKS = {entry for entry in known_keys(RunConfig) if "." not in entry}


def commands() -> list[tuple[str, str]]:
    """(page, arguments) of every `$ primum ...` in a block, continued lines joined."""
    found = []
    for page in PAGES:
        for _, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in re.sub(r"\\\n\s*", " ", block).splitlines():
                typed = COMMAND.match(line)
                if typed:
                    found.append((page.name, typed[1]))
    return found


def settings() -> list[tuple[str, str]]:
    """(page, text) of every YAML block that holds blocks of a run's config and nothing else."""
    found = []
    for page in PAGES:
        for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            content = yaml.safe_load(block) if language == "yaml" else None
            if isinstance(content, dict) and set(content) <= BLOCKS:
                found.append((page.name, block))
    return found


def test_a_command_of_a_page_is_one_that_primum_takes(capsys: pytest.CaptureFixture[str]) -> None:
    typed, takes, faults = commands(), parser(), []
    assert len(typed) > 25
    for page, arguments in typed:
        try:
            options = takes.parse_args(shlex.split(arguments, comments=True))
        except SystemExit as left:
            if left.code:
                faults.append(f"{page}: {arguments}: {capsys.readouterr().err.splitlines()[-1]}")
            continue
        config = str(getattr(options, "config", None) or "")
        if config.startswith("configs/") and not (ROOT / config).is_file():
            faults.append(f"{page}: {arguments}: there is no {config}")
    assert not faults


def test_settings_of_a_page_are_settings_of_a_run(tmp_path: Path) -> None:
    shown = settings()
    assert len(shown) > 10
    for number, (page, text) in enumerate(shown):
        path = tmp_path / f"{number} of {page}.yaml"
        path.write_text(text, encoding="utf-8")
        load_config(path)
