"""Several training runs of one recipe in one report: training noise apart from prompt sampling
error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eval.report.rendering import Frame, Section, html_of, markdown_of
from eval.report.tables import METRIC_NAMES, Cell, Table, spoken
from measures.seeds import OverSeeds, over_seeds, standard_error

Json = dict[str, Any]
SCORES = {"harmful": ("harmfulness",), "benign": ("relevance",)}
RATES = {"harmful": ("refusal_rate",), "benign": ("over_refusal_rate",)}
INDEPENDENT = ("called_harmful", "declined", "incoherent")
NOTE = (
    "Every run is trained with another seed and measured on the same prompts. Training noise is "
    "the standard deviation over runs; sampling error is the standard error of one run over "
    "prompts, which the intervals of a single report hold alone. The interval of the mean is for "
    "other prompts and other runs. Of two or three runs the noise is known to within a factor of "
    "several: see its interval. Each run trains a reward model of its own, so harmfulness moves "
    "with its instrument too: the row of the base, which is not trained, shows by how much."
)


def seeds_report(runs: Mapping[int, Json], missing: Mapping[int, str]) -> Json:
    """By policy, suite and metric over the results of all runs, by seed; `missing`: why a seed has
    none.

    Raises ValueError where there are no results, or where they are not of the same test prompts.
    """
    if not runs:
        raise ValueError("no seed has results")
    sets = {}
    for seed, results in runs.items():
        sets[seed] = (results.get("test_set") or {}).get("sha256") or _sizes(results)
    if len(set(sets.values())) > 1:
        raise ValueError(
            "the seeds were measured on different test prompts "
            f"({', '.join(f'{s}: {v[:8]}' for s, v in sets.items())})"
        )
    first = next(iter(runs.values()))
    return {
        "created": max(str(results.get("created") or "") for results in runs.values()),
        "seeds": list(runs),
        "missing": {str(seed): reason for seed, reason in missing.items()},
        "confidence": first["confidence"],
        "baseline": first["baseline"],
        "figures": [{**about, **found.to_json()} for about, found in _figures(runs)],
    }


def _sizes(results: Json) -> str:
    policy = next(iter(results["policies"].values()))
    return "/".join(f"{name} {suite['n']}" for name, suite in policy["suites"].items())


def _figures(runs: Mapping[int, Json]) -> Iterator[tuple[Json, OverSeeds]]:
    first = next(iter(runs.values()))
    for policy, about in first["policies"].items():
        for suite, shown in about["suites"].items():
            for metric, rate in _metrics(shown["kind"]):
                estimates = []
                for results in runs.values():
                    estimates.append(_estimate(results, policy, suite, metric))
                if all(estimate and estimate.get("mean") is not None for estimate in estimates):
                    names = {
                        "policy": policy,
                        "title": about.get("title", policy),
                        "suite": suite,
                        "metric": metric,
                    }
                    yield names, _over([e for e in estimates if e], first["confidence"], rate)


def _metrics(kind: str) -> list[tuple[str, bool]]:
    """(name, whether it is a rate)"""
    return [
        *((name, False) for name in SCORES[kind]),
        *((name, True) for name in (*RATES[kind], *INDEPENDENT)),
    ]


def _estimate(results: Json, policy: str, suite: str, metric: str) -> Json | None:
    shown = results["policies"].get(policy, {}).get("suites", {}).get(suite, {})
    return shown.get(metric) or (shown.get("independent") or {}).get(metric)


def _over(estimates: list[Json], confidence: float, rate: bool) -> OverSeeds:
    errors = []
    for e in estimates:
        errors.append(standard_error(e["interval"], e["mean"], e["n"], confidence, rate=rate))
    return over_seeds([e["mean"] for e in estimates], errors, confidence)


def seeds_markdown(report: Json) -> str:
    """The report over seeds as Markdown."""
    return markdown_of(_frame(report), _sections(report))


def seeds_html(report: Json) -> str:
    """The report over seeds as a page."""
    return html_of(_frame(report), _sections(report))


def _frame(report: Json) -> Frame:
    seeds = ", ".join(map(str, report["seeds"]))
    absent = []
    for seed, reason in report["missing"].items():
        absent.append(f"Seed {seed} has no results: {reason}.")
    return Frame(
        title="One recipe, several seeds",
        verdict=f"{len(report['seeds'])} training runs (seeds {seeds}) on the same prompts.",
        about="mean over runs, training noise and prompt sampling error",
        created=report["created"],
        level=f"{report['confidence']:.0%}",
        cautions=absent,
    )


def _sections(report: Json) -> list[Section]:
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
    rows = [_row(figure) for figure in report["figures"]]
    return [Section("Training noise and sampling error", tables=[Table(head, rows, NOTE)])]


def _row(figure: Json) -> list[Cell]:
    scores = set()
    for names in SCORES.values():
        for name in names:
            scores.add(name)
    factor, form = (1.0, ".2f") if figure["metric"] in scores else (100.0, ".1f")

    def number(value: float | None) -> str:
        return "unknown" if value is None else f"{factor * value:{form}}"

    def span(ends: tuple[float | None, float | None]) -> str:
        return f"{number(ends[0])} to {number(ends[1])}" if ends[0] is not None else "no interval"

    share = figure["training_share"]
    return [
        Cell(figure["title"]),
        Cell(spoken(figure["suite"])),
        Cell(
            METRIC_NAMES.get(figure["metric"], spoken(figure["metric"])), "" if factor == 1 else "%"
        ),
        Cell(number(figure["mean"]), span(figure["interval"])),
        Cell(", ".join(number(value) for value in figure["values"])),
        Cell(number(figure["training_sd"]), span(figure["training_sd_interval"])),
        Cell(number(figure["prompt_se"])),
        Cell("unknown" if share is None else f"{share:.0%}"),
    ]
