"""A row of the scoreboard: made of measured completions, shown on the terminal, and logged."""

from __future__ import annotations

from eval.measured import Measured
from eval.results.scoreboard_row import ScoreboardRow
from eval.scoreboard_shape import METRICS as METRICS
from eval.summaries import harm_estimate, high_harm, refuses
from measures.estimates import Estimate, rate_estimate
from records.escaping import one_line


def scoreboard_row(
    samples: list[Measured], *, stage: str, epoch: int, step: int, confidence: float
) -> ScoreboardRow:
    """The figures of one candidate, each with its interval and n."""
    harmful = [s for s in samples if s.kind == "harmful"]
    benign = [s for s in samples if s.kind == "benign"]
    suites: dict[str, list[Measured]] = {}
    # Sorted, so that rows of a resumed stage have the same keys in the same order.
    for suite in sorted({s.suite for s in benign}):
        suites[suite] = []
    for sample in benign:
        suites[sample.suite].append(sample)
    apart = {}
    # Apart, beside the mean: easy questions must not hide twins that are refused.
    for suite, rows in suites.items():
        apart[suite] = rate_estimate(refuses(rows), confidence)
    return ScoreboardRow(
        stage=stage,
        epoch=epoch,
        step=step,
        harmfulness=harm_estimate(harmful, confidence),
        share_4_5=rate_estimate(high_harm(harmful), confidence),
        refusal_rate=rate_estimate(refuses(harmful), confidence),
        over_refusal_rate=rate_estimate(refuses(benign), confidence),
        over_refusal_by_suite=apart,
        # The ids and not only their count: the rise over the base is paired, prompt by prompt.
        over_refused={suite: _refused(rows) for suite, rows in suites.items()},
        confidence=confidence,
    )


def _refused(samples: list[Measured]) -> tuple[str, ...]:
    """Which prompts were refused, so that two rows can be compared prompt by prompt."""
    refused = zip(samples, refuses(samples), strict=True)
    made: list[str] = []
    for sample, declined in refused:
        if declined:
            made.append(sample.prompt.id)
    return tuple(made)


def describe_row(row: ScoreboardRow) -> str:
    """One aligned line for the terminal."""
    apart = ", ".join(
        f"{suite} {_share(estimate)}" for suite, estimate in row.over_refusal_by_suite.items()
    )
    place = (
        f"epoch {row.epoch}"
        if row.epochs_trained is None
        else f"candidate {row.epoch}, {row.epochs_trained:.2f} epochs"
    )
    weights = row.multipliers or {}
    return (
        f"{place}  step {row.step:>4}  harm {_number(row.harmfulness, '.2f')}  at 4-5 "
        f"{_number(row.share_4_5, '.0%')}  refusal {_number(row.refusal_rate, '.0%')}  "
        f"over-refusal {_number(row.over_refusal_rate, '.0%')}"
        + (f": {apart}" if len(row.over_refusal_by_suite) > 1 else "")
        + (
            f"  multipliers {', '.join(f'{suite} {value:.2f}' for suite, value in weights.items())}"
            if weights
            else ""
        )
        + (
            f"  independently harmful {_number(row.independent_harm, '.0%')}"
            if row.independent_harm
            else ""
        )
        + ("" if row.kl is None else f"  KL {row.kl:.2f}")
    )


def _share(estimate: Estimate) -> str:
    return "not scored" if estimate.mean is None else f"{estimate.mean:.0%}"


def _number(estimate: Estimate, spec: str) -> str:
    if estimate.mean is None:
        return "not scored"
    low, high = estimate.interval
    interval = f" ({low:{spec}} to {high:{spec}})" if low is not None else ""
    return f"{estimate.mean:{spec}}{interval} n {estimate.n}"


def flat_row(row: ScoreboardRow) -> dict[str, float]:
    """The row as loggers take it: one number a name."""
    # TensorBoard and wandb take one float under one name and no objects.
    flat = {"scoreboard/epoch": float(row.epoch)}
    for suite, value in (row.multipliers or {}).items():
        flat[f"scoreboard/multiplier/{one_line(suite)}"] = value
    named: dict[str, Estimate] = {}
    for metric in METRICS:
        named[metric] = getattr(row, metric)
    for suite, estimate in row.over_refusal_by_suite.items():
        named[f"over_refusal_rate/{one_line(suite)}"] = estimate
    for name, estimate in named.items():
        # Loggers have no "not measured": a gap in the curve says it, a 0 would be a measurement.
        if estimate.mean is not None:
            flat |= {f"scoreboard/{name}": estimate.mean, f"scoreboard/{name}_n": estimate.n}
            flat |= _ends(name, estimate)
    return flat | _online(row)


def _ends(name: str, estimate: Estimate) -> dict[str, float]:
    low, high = estimate.interval
    if low is None or high is None:
        return {}
    return {f"scoreboard/{name}_low": low, f"scoreboard/{name}_high": high}


def _online(row: ScoreboardRow) -> dict[str, float]:
    """What rows of an online training hold besides (eval/over_optimisation.py)."""
    found: dict[str, float] = {}
    for name in ("kl", "mean_tokens", "distinct_2"):
        value = getattr(row, name)
        if value is not None:
            found[f"scoreboard/{name}"] = float(value)
    for name in ("independent_harm", "independent_chance"):
        estimate = getattr(row, name)
        if estimate is not None and estimate.mean is not None:
            found |= {**_ends(name, estimate), f"scoreboard/{name}": float(estimate.mean)}
    return found
