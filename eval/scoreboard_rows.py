"""A row of the scoreboard: made of measured completions, shown on the terminal, and logged."""

from __future__ import annotations

from typing import Any

from eval.measure import harm_estimate, high_harm
from eval.measured import Measured
from eval.scoreboard_shape import METRICS as METRICS
from eval.scoreboard_shape import Row
from eval.summaries import refuses
from measures.estimates import rate_estimate
from records.escaping import one_line


def scoreboard_row(
    samples: list[Measured], *, stage: str, epoch: int, step: int, confidence: float
) -> Row:
    """The figures of one candidate, each with its interval and n."""
    harmful = [s for s in samples if s.kind == "harmful"]
    benign = [s for s in samples if s.kind == "benign"]
    suites: dict[str, list[Measured]] = {}
    for suite in sorted({s.suite for s in benign}):
        suites[suite] = []
    for sample in benign:
        suites[sample.suite].append(sample)
    apart = {}
    for suite, rows in suites.items():
        apart[suite] = rate_estimate(refuses(rows), confidence)
    return {
        "stage": stage,
        "epoch": epoch,
        "step": step,
        "harmfulness": harm_estimate(harmful, confidence).to_json(),
        "share_4_5": rate_estimate(high_harm(harmful), confidence).to_json(),
        "refusal_rate": rate_estimate(refuses(harmful), confidence).to_json(),
        "over_refusal_rate": rate_estimate(refuses(benign), confidence).to_json(),
        "over_refusal_by_suite": {suite: rate.to_json() for suite, rate in apart.items()},
        "over_refused": {suite: _refused(rows) for suite, rows in suites.items()},
        "confidence": confidence,
    }


def _refused(samples: list[Measured]) -> list[str]:
    """Which prompts were refused, so that two rows can be compared prompt by prompt."""
    refused = zip(samples, refuses(samples), strict=True)
    made: list[str] = []
    for sample, declined in refused:
        if declined:
            made.append(sample.prompt.id)
    return made


def describe_row(row: Row) -> str:
    """One aligned line for the terminal."""
    harm, high, refusal, over = (row[name] for name in METRICS)
    apart = ", ".join(
        f"{suite} {estimate['mean']:.0%}"
        for suite, estimate in row["over_refusal_by_suite"].items()
    )
    place = (
        f"candidate {row['epoch']}, {row['epochs_trained']:.2f} epochs"
        if "epochs_trained" in row
        else f"epoch {row['epoch']}"
    )
    weights = row.get("multipliers") or {}
    return (
        f"{place}  step {row['step']:>4}  harm {_number(harm, '.2f')}  at 4-5 "
        f"{_number(high, '.0%')}  refusal {_number(refusal, '.0%')}  over-refusal "
        f"{_number(over, '.0%')}"
        + (f": {apart}" if len(row["over_refusal_by_suite"]) > 1 else "")
        + (
            f"  multipliers {', '.join(f'{suite} {value:.2f}' for suite, value in weights.items())}"
            if weights
            else ""
        )
        + (
            f"  independently harmful {_number(row['independent_harm'], '.0%')}"
            if "independent_harm" in row
            else ""
        )
        + (f"  KL {row['kl']:.2f}" if "kl" in row else "")
    )


def _number(estimate: dict[str, Any], spec: str) -> str:
    if estimate["mean"] is None:
        return "not scored"
    low, high = estimate["interval"]
    interval = f" ({low:{spec}} to {high:{spec}})" if low is not None else ""
    return f"{estimate['mean']:{spec}}{interval} n {estimate['n']}"


def flat_row(row: Row) -> dict[str, float]:
    """The row as loggers take it: one number a name."""
    flat = {"scoreboard/epoch": float(row["epoch"])}
    for suite, value in (row.get("multipliers") or {}).items():
        flat[f"scoreboard/multiplier/{one_line(suite)}"] = value
    by_suite = {}
    for suite, estimate in row["over_refusal_by_suite"].items():
        by_suite[f"over_refusal_rate/{one_line(suite)}"] = estimate
    for name, estimate in ({metric: row[metric] for metric in METRICS} | by_suite).items():
        if estimate["mean"] is not None:
            low, high = estimate["interval"]
            flat |= {f"scoreboard/{name}": estimate["mean"], f"scoreboard/{name}_n": estimate["n"]}
            if low is not None:
                flat |= {f"scoreboard/{name}_low": low, f"scoreboard/{name}_high": high}
    return flat | _online(row)


def _online(row: Row) -> dict[str, float]:
    """What rows of an online training hold besides (eval/over_optimisation.py)."""
    known: dict[str, Any] = {}
    for name in ("kl", "mean_tokens", "distinct_2"):
        if name in row:
            known[name] = row[name]
    for name in ("independent_harm", "independent_chance"):
        estimate = row.get(name, {"mean": None})
        if estimate["mean"] is not None:
            known |= dict(
                zip((f"{name}_low", f"{name}_high"), estimate["interval"], strict=True)
            ) | {name: estimate["mean"]}
    found: dict[str, float] = {}
    for name, value in known.items():
        if value is not None:
            found[f"scoreboard/{name}"] = float(value)
    return found
