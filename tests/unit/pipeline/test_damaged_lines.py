"""Logs, scoreboards, caches and words between ranks: a line of another shape is named, left out or
waited out.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.scoreboard_shape import read_scoreboard
from pipeline.run import ranks
from records.errors import RecordError
from train.engine.loggers import forget_metrics_after, wandb_run_id
from train.reference import Store

WRONG = {
    "empty object": b"{}",
    "list of a number": b"[1]",
    "number": b"0",
    "half written": b'{"step": 1, "launch": "7',
    "not UTF-8": b'{"step": 1, "launch": "\xff"}',
    "NaN": b'{"step": NaN, "epoch": NaN, "launch": NaN}',
    "nested": b"[" * 100_000,
    "a key twice": b'{"step": 1, "step": 2}',
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_lines_that_are_no_metrics_are_left_out_and_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1, "loss": NaN}\n' + content + b'\n{"step": 2}\n')
    (fault,) = forget_metrics_after(path, 2)
    assert fault.startswith(f"{path}:2: ")
    assert fault.endswith("; the line is left out")
    assert path.read_text() == '{"step": 1, "loss": NaN}\n{"step": 2}\n'


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_scoreboard_of_another_shape_is_an_error_with_a_remedy(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "scoreboard.jsonl").write_bytes(content + b"\n")
    with pytest.raises(RecordError, match=r"(?s)scoreboard\.jsonl:1: .*run the same command again"):
        read_scoreboard(tmp_path / "scoreboard.jsonl")


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_damaged_line_of_the_reference_costs_that_row(tmp_path: Path, content: bytes) -> None:
    store = Store(tmp_path)
    store.append("one", [("a", -1.0), ("b", -2.0)])
    path = tmp_path / "one.jsonl"
    path.write_bytes(content + b"\n" + path.read_bytes().replace(b"-2.0", b"-3.0"))
    assert store.read() == {"a": -1.0}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_word_of_rank_0_of_another_shape_is_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setattr("time.sleep", lambda seconds: ranks.announce(tmp_path / "sft", work=False))
    (tmp_path / ".sft.launch.json").write_bytes(content)
    assert ranks.wanted(tmp_path / "sft") is False


@pytest.mark.parametrize("content", [b"", b"\xff" * 12, b"../../etc", b"0123456789ab\n"])
def test_a_damaged_wandb_id_is_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "wandb_run_id").write_bytes(content)
    made = wandb_run_id(tmp_path)
    assert len(made) == 12
    assert wandb_run_id(tmp_path) == made
