"""What a report is called."""

from __future__ import annotations

from typing import Any

from typed_results import on_json

from eval.report.heading import heading as _heading
from eval.report.heading import plain_title as _plain_title
from eval.report.heading import title as _title

title, heading, plain_title = on_json(_title), on_json(_heading), on_json(_plain_title)


def test_a_run_has_a_before_and_an_after(results: dict[str, Any]) -> None:
    assert plain_title(results) == "Harm and over-refusal, before and after alignment"
    assert title(results).endswith("harm and over-refusal, before and after alignment")


def test_a_measured_model_was_aligned_by_nobody(results: dict[str, Any]) -> None:
    measured = {**results, "kind": "measurement"}
    measured.pop("tamper", None)
    assert plain_title(measured) == "Harm and over-refusal"
    assert "alignment" not in title(measured)
    assert "alignment" not in heading(measured)
