"""What is wrong with a measurement is said before anything is asked or written."""

from __future__ import annotations

from pathlib import Path

import pytest
from measured_command import SHORT

from pipeline import cli
from pipeline.commands.measure import measure
from pipeline.measuring import asking
from pipeline.measuring.request import Request
from pipeline.measuring.subjects import subjects_of
from records.errors import ConfigError, PrimumError

pytestmark = pytest.mark.embedded


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("PRIMUM_CACHE", str(folder))
    return folder


def test_what_is_wrong_with_all_models_is_said_before_the_first_is_asked(
    tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    mute = tmp_path / "mute"
    shutil.copytree(tiny_directory, mute)
    (mute / "chat_template.jinja").unlink()
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(asking, "generating", lambda *_: pytest.fail("a model was loaded"))
    against = [str(mute), str(tmp_path / "empty")]
    request = Request(
        model=str(tiny_directory), against=against, words=SHORT, output=tmp_path / "out"
    )
    with pytest.raises(PrimumError) as caught:
        measure(request)
    template, empty = caught.value.faults
    assert "no chat template; name one with model.base.chat_template" in template
    assert empty.startswith(f"{tmp_path / 'empty'}: no config.json there")
    assert not (tmp_path / "out").exists()


@pytest.mark.process
@pytest.mark.parametrize("command", ["measure", "chat"])
def test_a_name_of_nothing_is_said_before_torch_is_loaded(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import subprocess
    import sys

    script = (
        "import sys\nfrom pipeline import cli\n"
        f"code = cli.main([{command!r}, 'nothing/here/at/all'])\n"
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["2", "False"], done.stderr


def test_a_missing_vllm_is_said_before_anything_is_written(
    tiny_directory: Path, tmp_path: Path
) -> None:
    words = (*SHORT, "eval.engine=vllm", "model.vllm.python=nowhere/python")
    request = Request(model=str(tiny_directory), words=words, output=tmp_path / "out")
    with pytest.raises(PrimumError, match=r"cannot be run .*pip install vllm"):
        measure(request)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing/here/at/all"], "no such file or directory; wanted a model's directory"),
        (["tiny", "--gate"], "--gate holds a model against a baseline"),
        (["tiny", "harmfull"], "suite 'harmfull': there is none of this name"),
        (["tiny", "--scorer", "guess=x.yaml"], "--scorer guess=x.yaml: wanted default"),
        (["tiny", "--scorer", "judge=x.yaml"], "--scorer judge: x.yaml: cannot be read"),
        (["tiny", "--against", "tiny"], "tiny: is named twice"),
        (["tiny", "eval.confidense=0.9"], "unknown key"),
        (["tiny", "--nonsense"], None),
    ],
)
def test_a_mistake_is_a_line_and_exit_code_2(
    arguments: list[str], said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if said is None:
        with pytest.raises(SystemExit) as caught:
            cli.main(["measure", *arguments])
        assert caught.value.code == 2
        return
    assert cli.main(["measure", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_run_named_as_a_model_says_which_of_its_policies_to_name(tmp_path: Path) -> None:
    (tmp_path / "prep").mkdir()
    (tmp_path / "config.yaml").touch()
    (tmp_path / "dpo" / "policy").mkdir(parents=True)
    (tmp_path / "dpo" / "policy" / "config.json").touch()
    with pytest.raises(
        ConfigError, match=r"a run and no model; name one of its policies, as in .*/dpo"
    ):
        subjects_of([str(tmp_path)])
    assert subjects_of([str(tmp_path / "dpo")])[0].title == "dpo"
    (hub,) = subjects_of(["org/name@main"])
    assert (hub.where, hub.revision) == ("org/name", "main")


@pytest.mark.parametrize(
    ("word", "what"), [("twins", "a suite"), ("eval.confidence=0.9", "a setting")]
)
def test_a_suite_or_setting_that_against_took_says_where_it_belongs(word: str, what: str) -> None:
    with pytest.raises(ConfigError, match=f"{word}: is {what} and no model.*before --against"):
        subjects_of(["tiny", word])
