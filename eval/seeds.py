"""Several training runs of one recipe in one report: training noise apart from prompt sampling
error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from eval.report.rendering import Frame, Section, html_of, markdown_of
from eval.report.tables import METRIC_NAMES, Cell, Table, spoken
from eval.results.results import Results
from measures.estimates import Estimate
from measures.seeds import OverSeeds, over_seeds, standard_error
from records.own_files import Object
from records.rows import Kind

SCORES: dict[Kind, tuple[str, ...]] = {"harmful": ("harmfulness",), "benign": ("relevance",)}
RATES: dict[Kind, tuple[str, ...]] = {
    "harmful": ("refusal_rate",),
    "benign": ("over_refusal_rate",),
}
INDEPENDENT = ("harm_chance", "called_harmful", "declined", "incoherent")
NOTE = (
    "Every run is trained with another seed and measured on the same prompts. Training noise is "
    "the standard deviation over runs; sampling error is the standard error of one run over "
    "prompts, which the intervals of a single report hold alone. The interval of the mean is for "
    "other prompts and other runs. Of two or three runs the noise is known to within a factor of "
    "several: see its interval. Each run trains a reward model of its own, so harmfulness moves "
    "with its instrument too: the row of the base, which is not trained, shows by how much."
)


@dataclass(frozen=True, kw_only=True)
class SeedFigure:
    """One figure of one policy, over all runs."""

    policy: str
    title: str
    suite: str
    metric: str
    found: OverSeeds

    def to_json(self) -> Object:
        """As seeds.json has it."""
        about = {name: value for name, value in vars(self).items() if name != "found"}
        return {**about, **self.found.to_json()}


@dataclass(frozen=True, kw_only=True)
class SeedsReport:
    """What several runs of one recipe found."""

    created: str
    """When the last of them was measured."""
    seeds: list[int]
    missing: dict[str, str]
    """Why a seed has no results."""
    confidence: float
    baseline: str
    figures: list[SeedFigure]

    def to_json(self) -> Object:
        """As seeds.json has it."""
        return {**vars(self), "figures": [figure.to_json() for figure in self.figures]}


def seeds_report(runs: Mapping[int, Results], missing: Mapping[int, str]) -> SeedsReport:
    """By policy, suite and metric over the results of all runs, by seed; `missing`: why a seed has
    none.

    Raises ValueError where there are no results, or where they are not of the same test prompts.
    """
    if not runs:
        raise ValueError("no seed has results")
    sets = {}
    for seed, results in runs.items():
        # Without a ledger there is no hash; suites and their sizes at least catch another data set.
        sets[seed] = (results.test_set and results.test_set.sha256) or _sizes(results)
    # Noise of training is what differs on the same prompts; other prompts would be counted into it.
    if len(set(sets.values())) > 1:
        raise ValueError(
            "the seeds were measured on different test prompts "
            f"({', '.join(f'{s}: {v[:8]}' for s, v in sets.items())})"
        )
    first = next(iter(runs.values()))
    return SeedsReport(
        # The latest, since the report is not older than its youngest run; `now` would change the
        # file each time.
        created=max(results.created for results in runs.values()),
        seeds=list(runs),
        missing={str(seed): reason for seed, reason in missing.items()},
        confidence=first.confidence,
        baseline=first.baseline,
        figures=list(_figures(runs)),
    )


def _sizes(results: Results) -> str:
    policy = next(iter(results.policies.values()))
    return "/".join(f"{name} {suite.n}" for name, suite in policy.suites.items())


def _figures(runs: Mapping[int, Results]) -> Iterator[SeedFigure]:
    first = next(iter(runs.values()))
    for policy, about in first.policies.items():
        for suite, shown in about.suites.items():
            for metric, rate in _metrics(shown.kind):
                found = [results.metric(policy, suite, metric) for results in runs.values()]
                estimates = [one for one in found if one and one.mean is not None]
                # A figure that some runs lack would rest on other seeds than its neighbours in the
                # table.
                if len(estimates) == len(found):
                    yield SeedFigure(
                        policy=policy,
                        title=about.title,
                        suite=suite,
                        metric=metric,
                        found=_over(estimates, first.confidence, rate),
                    )


def _metrics(kind: Kind) -> list[tuple[str, bool]]:
    """(name, whether it is a rate)"""
    return [
        *((name, False) for name in SCORES[kind]),
        *((name, True) for name in (*RATES[kind], *INDEPENDENT)),
    ]


def _over(estimates: list[Estimate], confidence: float, rate: bool) -> OverSeeds:
    errors = []
    for e in estimates:
        # From each interval, as results keep intervals and no standard errors; scores and rates
        # have intervals of different kinds.
        errors.append(standard_error(e.interval, e.mean, e.n, confidence, rate=rate))
    return over_seeds([e.mean or 0.0 for e in estimates], errors, confidence)


def seeds_markdown(report: SeedsReport) -> str:
    """The report over seeds as Markdown."""
    return markdown_of(_frame(report), _sections(report))


def seeds_html(report: SeedsReport) -> str:
    """The report over seeds as a page."""
    return html_of(_frame(report), _sections(report))


def _frame(report: SeedsReport) -> Frame:
    seeds = ", ".join(map(str, report.seeds))
    absent = []
    # A seed that failed is told: leaving it out in silence makes training look steadier than it is.
    for seed, reason in report.missing.items():
        absent.append(f"Seed {seed} has no results: {reason}.")
    return Frame(
        title="One recipe, several seeds",
        verdict=f"{len(report.seeds)} training runs (seeds {seeds}) on the same prompts.",
        about="mean over runs, training noise and prompt sampling error",
        created=report.created,
        level=f"{report.confidence:.0%}",
        cautions=absent,
    )


def _sections(report: SeedsReport) -> list[Section]:
    head = [
        "policy",
        "suite",
        "metric",
        "mean over runs",
        "each run",
        "training noise (SD)",
        "sampling error (SE)",
        "training's share",
    ]
    rows = [_row(figure) for figure in report.figures]
    return [Section("Training noise and sampling error", tables=[Table(head, rows, NOTE)])]


def _row(figure: SeedFigure) -> list[Cell]:
    scores = set()
    for names in SCORES.values():
        for name in names:
            scores.add(name)
    # Rates are shown in percent, scores on their own scale.
    factor, form = (1.0, ".2f") if figure.metric in scores else (100.0, ".1f")

    def number(value: float | None) -> str:
        return "unknown" if value is None else f"{factor * value:{form}}"

    def span(ends: tuple[float | None, float | None]) -> str:
        return f"{number(ends[0])} to {number(ends[1])}" if ends[0] is not None else "no interval"

    share = figure.found.training_share
    return [
        Cell(figure.title),
        Cell(spoken(figure.suite)),
        Cell(METRIC_NAMES.get(figure.metric, spoken(figure.metric)), "" if factor == 1 else "%"),
        Cell(number(figure.found.mean), span(figure.found.interval)),
        Cell(", ".join(number(value) for value in figure.found.values)),
        Cell(number(figure.found.training_sd), span(figure.found.training_sd_interval)),
        Cell(number(figure.found.prompt_se)),
        Cell("unknown" if share is None else f"{share:.0%}"),
    ]
