"""The page and the Markdown of a judge report, from judge_report.json and what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from markupsafe import Markup

from eval.judge_report.findings import cautions, judged, verdict
from eval.judge_report.metrics import Comparison
from eval.judge_report.plots import scorers_plot
from eval.judge_report.wording import ABLATIONS, GROUPS, HEADLINES, LIMITS, READING, title_of
from eval.report.rendering import Frame, Plot, Section, html_of, markdown_of
from eval.report.tables import ABSENT, Cell, Table, score_cell
from measures.estimates import Estimate
from records.escaping import json_text
from records.json_record import Absent, JsonRecord

TITLE = "Scorers against people"
PARTS = (("writer", "By writing model"), ("category", "By category"))


@dataclass(frozen=True, kw_only=True)
class SetFacts(JsonRecord):
    """Of a set of labelled completions; texts of our own have neither pairs nor rows left out."""

    note: str
    completions: int
    prompts: int
    pairs: Annotated[int | None, Absent()] = None
    left_out: Annotated[int | None, Absent()] = None
    """Rows that hold nothing to judge."""


@dataclass(frozen=True, kw_only=True)
class About(JsonRecord):
    """What stands around the numbers."""

    created: str
    sets: Mapping[str, SetFacts]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    trained_on: Mapping[str, list[str]] = field(default_factory=dict)
    """Sets that a scorer was fitted on, or written while looking at, by scorer."""


def render_html(report: Comparison, about: About) -> str:
    """The page of a report."""
    return html_of(_frame(report, about), _sections(report, about))


def render_markdown(report: Comparison, about: About) -> str:
    """The report as Markdown."""
    return markdown_of(_frame(report, about), _sections(report, about))


def _frame(report: Comparison, about: About) -> Frame:
    names = list(about.sets)
    return Frame(
        title=TITLE,
        verdict=verdict(report, names),
        about=f"{', '.join(map(title_of, judged(report)))} on {', '.join(names)}",
        created=about.created,
        level="95%",
        cautions=cautions(report, names, about.trained_on),
    )


def _sections(report: Comparison, about: About) -> list[Section]:
    found = [_set_section(report, name, facts) for name, facts in about.sets.items()]
    for name in about.sets:
        found += _part_sections(report, name)
    provenance = json_text(dict(about.provenance), indent=2) if about.provenance else ""
    # Limits and provenance last, after the numbers that they are about.
    return [
        *found,
        Section("How to read this", bullets=READING),
        Section("Limits", bullets=LIMITS),
        Section("Where the numbers come from", verbatim=provenance),
    ]


def _set_section(report: Comparison, name: str, facts: SetFacts) -> Section:
    pairs = f", {facts.pairs} pairs" if facts.pairs else ""
    left_out = (
        f"; {facts.left_out} rows hold nothing to judge and are left out" if facts.left_out else ""
    )
    counts = f"{facts.completions} completions to {facts.prompts} prompts{pairs}{left_out}."
    svg = scorers_plot(report, name)
    caption = (
        f"{name}: every scorer with its 95 % interval by prompt. Circles are what is judged here, "
        "squares yardsticks; dashed is chance."
    )
    return Section(
        name,
        paragraphs=[facts.note, counts],
        tables=metric_tables(report, name),
        plots=[Plot(Markup(svg), caption)] if svg else [],
    )


def metric_tables(report: Comparison, name: str) -> list[Table]:
    """A table for each group of metrics that any scorer has on this set, a row a scorer."""
    tables = []
    for group in GROUPS:
        columns = {}
        for metric, title in group.columns.items():
            # Columns that no scorer has would be rows of dashes.
            if any(metric in sets.get(name, {}) for sets in report.values()):
                columns[metric] = title
        scorers = []
        for scorer, sets in report.items():
            if set(columns) & set(sets.get(name, {})):
                scorers.append(scorer)
        if not columns:
            continue
        rows = []
        for scorer in scorers:
            rows.append(
                [
                    Cell(title_of(scorer)),
                    *(_cell(report[scorer][name].get(metric)) for metric in columns),
                ]
            )
        tables.append(
            Table([group.title, *columns.values()], rows, _prevalence(report, name, group.title))
        )
    return tables


def _prevalence(report: Comparison, name: str, title: str) -> str:
    """What share people call so, which every other number of the table hangs on."""
    metric = {"harm: ranking": "prevalence", "refusal": "refusal_prevalence"}.get(title)
    found = next(
        (sets[name][metric] for sets in report.values() if metric and metric in sets.get(name, {})),
        None,
    )
    if not found or found.mean is None:
        return ""
    return (
        f"People call {100 * found.mean:.1f} % of {found.n} completions "
        f"{'refusals' if title == 'refusal' else 'harmful'}."
    )


def _part_sections(report: Comparison, name: str) -> list[Section]:
    """Headline metrics by writer and by category; TF-IDF is fitted on the whole set alone and is
    not divided.
    """
    sections = []
    for kind, title in PARTS:
        prefix = f"{name}/{kind}/"
        scorers = []
        for scorer, sets in report.items():
            if any(part.startswith(prefix) for part in sets):
                scorers.append(scorer)
        shown = []
        for scorer in scorers:
            # Versions that read one side are yardsticks of the whole set, and too many for every
            # part.
            if not scorer.endswith(tuple(ABLATIONS)):
                shown.append(scorer)
        tables = []
        for metric, words in HEADLINES.items():
            tables.append(_part_table(report, prefix, metric, words, shown))
        if any(table.rows for table in tables):
            sections.append(
                Section(f"{title}: {name}", tables=[table for table in tables if table.rows])
            )
    return sections


def _part_table(
    report: Comparison, prefix: str, metric: str, words: str, scorers: Sequence[str]
) -> Table:
    parts = sorted(
        {
            part
            for scorer in scorers
            for part, found in report[scorer].items()
            if part.startswith(prefix) and metric in found
        }
    )
    known = []
    for scorer in scorers:
        if any(metric in report[scorer].get(part, {}) for part in parts):
            known.append(scorer)
    rows = []
    for part in parts:
        rows.append(
            [
                Cell(part.removeprefix(prefix)),
                *(_cell(report[scorer].get(part, {}).get(metric)) for scorer in known),
            ]
        )
    return Table([words, *(title_of(scorer) for scorer in known)], rows)


def _cell(estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell("-")
    return Cell(ABSENT) if estimate.mean is None else score_cell(estimate, 3)
