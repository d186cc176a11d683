"""Whatever a settings file or a suite holds, it is read or told."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from fuzzing import DAMAGE, ROWS, VALUES, WORDS, flipped, or_told, tried
from hypothesis import given
from hypothesis import strategies as st

from eval.config import SuiteConfig
from eval.suites.loading import read_suite
from pipeline.run.config_loading import load_config

KEYS = (
    st.sampled_from(
        [
            "run_dir",
            "seed",
            "data",
            "sources",
            "name",
            "format",
            "limit",
            "dpo",
            "beta",
            "model",
            "base",
            "path",
            "eval",
            "suites",
            "split",
            "val",
        ]
    )
    | WORDS
)
SETTINGS = st.recursive(
    VALUES,
    lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=5,
)
LINES = st.sampled_from(
    [
        "seed: 1",
        "seed: [1",
        "data: &a {limit: 1}",
        "dpo: *a",
        "<<: {seed: 1}",
        "? [1, 2]\n: 3",
        "1: 2",
        "1.5: {true: null}",
        "null: 1",
        "2026-01-01: 2026-13-41",
        "seed: !!python/object:os.system x",
        "seed: !x 1",
        "run_dir: ${seed}",
        "run_dir: ${",
        "run_dir: ${nope}",
        "data: ${x}",
        "seed: ${oc.env:HOME}",
        "run_dir: '${oc.create:x}'",
        "seed: ???",
        "model: ???",
        "data: &b {limit: *b}",
        "data: &c [*c]",
        "a: &d [" + "x, " * 9 + "x]\nb: [" + "*d, " * 9 + "*d]",
        "[" * 900,
        "{a: " * 900,
        "data: {sources: [{name: a}, {name: a}]}",
        "data: {sources: {name: a}}",
        "data.sources: x",
        "data.sources[0].name: x",
        "'': 1",
        "'.': 1",
        "a.: 1",
        "dpo: {beta: .nan}",
        "dpo: {beta: 1e999}",
        "seed: 0o7",
        "---",
        "%YAML 9",
        "\t- x",
        "model: {base: {path: [x]}}",
        "eval: {suites: [{name: x, path: y}]}",
    ]
)


@tried(5, 300)
@given(
    text=st.lists(LINES, max_size=4).map("\n".join)
    | (st.dictionaries(KEYS, SETTINGS, max_size=3) | SETTINGS).map(json.dumps),
    damage=DAMAGE,
)
def test_yaml(text: str, damage: tuple[str, int, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.yaml"
        path.write_bytes(flipped(text.encode(), damage))
        or_told(lambda: load_config(path))


@tried(10, 300)
@given(rows=ROWS, damage=DAMAGE, name=st.sampled_from(["s.jsonl", "s.csv"]))
def test_suites(rows: list[Any], damage: tuple[str, int, bytes], name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        text = (
            "".join(f"{json.dumps(row)}\n" for row in rows)
            if name.endswith("jsonl")
            else "prompt\nQ?\n"
        )
        path.write_bytes(flipped(text.encode(), damage))
        or_told(lambda: read_suite(SuiteConfig(name="s", path=str(path), kind="benign")))
