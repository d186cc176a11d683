"""What an evaluation leaves, whoever made it: tables of rows, results.json, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_prep.cards.dataset_readme import Table, write_readme
from eval.gate_result import GateResult
from eval.measured import Measured
from eval.report.browser.page import sample_pages
from eval.report.page import render_html, render_markdown
from eval.results.results import Results
from records.rows import Completion, Prompt, Record, Score, SuitePrompt
from records.stage_folder import write_json, write_records, write_text


def write_evaluation(
    folder: Path,
    results: Results,
    prompts: Sequence[Prompt],
    measured: Sequence[Measured],
    *,
    gates: Sequence[GateResult] = (),
    opens_withheld: bool = False,
) -> None:
    """What was asked, what came, and what every scorer says of it: results.json can be made again
    from these tables.

    `gates` and `opens_withheld` are the page's, as `render_html` takes them.
    """
    tables: dict[str, tuple[type[Record], Sequence[Record]]] = {
        "prompts": (SuitePrompt, prompts),
        "completions": (Completion, [row.completion for row in measured]),
        "scores": (Score, [score for row in measured for score in row.scores.values()]),
    }
    # Tables before figures: whoever finds results.json can also find what it was made from.
    for name, (_, rows) in tables.items():
        write_records(folder / f"{name}.jsonl", rows)
    described = []
    for name, (record, _) in tables.items():
        described.append(Table(name, record, {"test": f"{name}.jsonl"}))
    write_readme(folder, "Completions of every policy to the test prompts", described)
    write_json(folder / "results.json", results.to_json())
    write_text(folder / "report.md", render_markdown(results))
    shown = [row.to_row() for row in measured]
    # The page's own table shows prompts as they stand; conditions are on the sample pages.
    plain = [row for row in shown if not row.condition]
    page = render_html(
        results, plain, results.scoreboard, gates=gates, opens_withheld=opens_withheld
    )
    write_text(folder / "report.html", page)
    for name, samples in sample_pages(results, shown, opens_withheld=opens_withheld).items():
        write_text(folder / name, samples)
