"""What the tests of the linter are made with."""

from __future__ import annotations

from collections.abc import Callable

from data_prep.config import LintConfig
from data_prep.lint.linter import lint, usable
from records.rows import Demonstration
from reward.refusal.rule import refusal

Make = Callable[..., Demonstration]
Found = set[tuple[str, str]]


def found_in(rows: list[Demonstration], config: LintConfig | None = None) -> Found:
    whole = usable(rows)
    report = lint(whole.rows, config or LintConfig(), refuses=refusal, left_out=whole.left_out)
    return {(fault["kind"], fault["id"]) for fault in report["faults"]}
