"""What an evaluation leaves, whoever made it: tables of rows, results.json, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.cards.dataset_readme import Table, write_readme
from eval.measure import Measured
from eval.report.page import render_html, render_markdown
from records.rows import Completion, Prompt, Record, Score
from records.stage_folder import write_json, write_records, write_text


def write_evaluation(folder: Path, results: dict[str, Any], prompts: Sequence[Prompt], measured: Sequence[Measured]) -> None:
    """What was asked, what came, and what every scorer says of it: results.json can be made again from these tables."""
    tables: dict[str, tuple[type[Record], Sequence[Record]]] = {
        "prompts": (Prompt, prompts),
        "completions": (Completion, [row.completion for row in measured]),
        "scores": (Score, [score for row in measured for score in row.scores.values()]),
    }
    for name, (_, rows) in tables.items():
        write_records(folder / f"{name}.jsonl", rows)
    described = [Table(name, record, {"test": f"{name}.jsonl"}) for name, (record, _) in tables.items()]
    write_readme(folder, "Completions of every policy to the test prompts", described)
    write_json(folder / "results.json", results)
    write_text(folder / "report.md", render_markdown(results))
    write_text(folder / "report.html", render_html(results, [row.to_row() for row in measured], results["scoreboard"]))
