"""Settings that are bombs, programs or no texts: each is one fault with a remedy, at once."""

from __future__ import annotations

import pytest

from pipeline.run.config import load_config
from records.errors import ConfigError

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
BROKEN = {
    "an alias of itself": ("data: &a {limit: *a}", r"line 1: the alias \*a stands inside what it names; write the value out"),
    "a list that holds itself": ("data: &a [*a]", r"the alias \*a"),
    "a bomb of aliases": (BOMB, "line 6: its aliases stand for more than 100000 values"),
    "a chain of aliases": ("a0: &a0 [x]\n" + "".join(f"a{k}: &a{k} [*a{k - 1}]\n" for k in range(1, 2000)), "more than 40 blocks"),
    "brackets": ("[" * 2000, "more than 40 blocks in each other"),
    "braces": ("{a: " * 1500, "more than 40 blocks in each other"),
    "much of it": ("# " + "x" * 1_000_001, "1000003 characters, wanted at most 1000000"),
    "an interpolation": ("run_dir: ${nope}", r"run_dir: got '\$\{nope\}'; settings do not refer to each other"),
    "an interpolation of itself": ("seed: ${seed}", "seed: got"),
    "a variable of the environment": ("wandb: {project: '${oc.env:HF_TOKEN}'}", r"wandb.project: got '\$\{oc.env:HF_TOKEN\}'"),
    "an interpolation in a source": ("data: {sources: [{name: 'a${x}'}]}", "data.sources.0.name"),
    "a missing value": ("seed: ???", "seed: got [?]{3}, which stands for a value to be filled in"),
    "a missing block": ("model: ???", "model: got"),
    "a number for a name": ("1: 2", "1 is no name of a setting"),
    "a NUL": ('run_dir: "\\0x"', "run_dir: holds a NUL character"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_no_settings_file_may_hold_is_told_at_once(tmp_path, name):
    text, said = BROKEN[name]
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_config(path)


@pytest.mark.parametrize("override", ["seed=${seed}", "run_dir=???", "data.sources=" + "[" * 500, "data=&a [*a]"])
def test_nor_may_the_command_line(tmp_path, override):
    path = tmp_path / "run.yaml"
    path.write_text("seed: 1\n")
    with pytest.raises(ConfigError, match="override"):
        load_config(path, [override])
