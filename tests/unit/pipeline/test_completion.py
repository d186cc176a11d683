"""What a shell offers behind `primum`: commands, options, settings, their words, and suites."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline import cli

Capture = pytest.CaptureFixture[str]


@pytest.mark.process
def test_bash_completes_commands_options_and_settings(capsys: Capture, tmp_path: Path) -> None:
    assert cli.main(["completion", "bash"]) == 0
    (tmp_path / "primum.bash").write_text(capsys.readouterr().out)
    asked = {
        "mea": "measure",
        "measure --agai": "--against",
        "measure tiny xs": "xstest",
        "run run.yaml dpo.be": "dpo.beta=",
        # With and without `=` among the signs at which bash parts words.
        "run run.yaml wandb.mode = of": "offline",
        "run run.yaml wandb.mode=of": "wandb.mode=offline",
    }
    lines = [f"source {tmp_path}/primum.bash"]
    for words in asked:
        lines += [
            f"COMP_WORDS=(primum {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _primum; echo "
            "${COMPREPLY[0]}"
        ]
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == list(asked.values())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_every_command(shell: str, capsys: Capture) -> None:
    assert cli.main(["completion", shell]) == 0
    shown = capsys.readouterr().out
    assert all(
        name in shown
        for name in (
            "measure",
            "chat",
            "--against" if shell == "zsh" else "-l against",
            "dpo.beta=",
            "xstest",
            "offline",
        )
    )
