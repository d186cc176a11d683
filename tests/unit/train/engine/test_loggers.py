"""The rows of metrics.jsonl when a run goes on where it was cut off."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from records.rows import json_line
from train.engine.loggers import forget_metrics_after


class Killed(RuntimeError):
    pass


def test_a_resume_that_is_killed_while_it_drops_rows_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text("".join(json_line({"step": step}) for step in range(4)))
    whole = metrics.read_text()

    def killed(_: object) -> NoReturn:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", killed)
        with pytest.raises(Killed):
            forget_metrics_after(metrics, 2)
    assert metrics.read_text() == whole
    forget_metrics_after(metrics, 2)
    assert metrics.read_text() == "".join(whole.splitlines(keepends=True)[:3])
