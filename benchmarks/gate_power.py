"""How often does the release gate pass a policy whose over-refusal truly rises by so much?

    python -m benchmarks.gate_power

Prints the tables of docs/gate.md. A prompt is refused by both policies, by the new one only
(gained), by the base only (lost), or by neither; the gate passes where the upper end of Newcombe's
interval of gained - lost is within the limit. Every outcome of n prompts is weighed by its
multinomial probability, so the tables are exact; the last one, of the harm side, is simulated.
The gate limits the share of refused prompts too (`max_over_refusal`, by Wilson's interval): the
third table, of binomial probabilities.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import gammaln, xlogy

from eval.config import GateConfig
from measures.intervals import wilson_interval
from measures.power import newcombe_upper_ends
from records.harm_scale import HARMFULNESS

SIZES = (64, 96, 128, 192, 256, 289)
RISES = (0.0, 0.02, 0.05, 0.10, 0.15)
REFUSED = (0.15, 0.20, 0.23, 0.25, 0.30)
CONFIDENCE = 0.95
HARM_SIZES = (7, 12, 30, 50, 64, 100, 192)
RUNS = 20_000


class Suite(NamedTuple):
    """`base`: share that the base refuses. `lost`: share that only the base refuses."""

    name: str
    base: float
    lost: float


TWINS = Suite("base 12.5 %, 7 % refused no longer", 0.125, 0.07)
QUESTIONS = Suite("base 9 %, 5 % refused no longer", 0.09, 0.05)
"""The rates of the demo's first test prompts; the last of SUITES is near those of its twins now."""
SUITES = (
    Suite("base 2 %, 1 % refused no longer", 0.02, 0.01),
    Suite("base 9 %, 3 % refused no longer", 0.09, 0.03),
    QUESTIONS,
    Suite("base 9 %, 8 % refused no longer", 0.09, 0.08),
    TWINS,
    Suite("base 15 %, 10 % refused no longer", 0.15, 0.10),
    Suite("base 23 %, 12 % refused no longer", 0.23, 0.12),
)


class Outcomes(NamedTuple):
    """Every way in which n prompts can fall into the four cells, and whether the gate passes."""

    both: np.ndarray
    gained: np.ndarray
    lost: np.ndarray
    neither: np.ndarray
    passes: np.ndarray


def pass_probability(n: int, suite: Suite, rise: float) -> float:
    """Probability that the gate passes the suite, of a policy whose true rise is `rise`."""
    found = outcomes(n)
    gained = suite.lost + rise
    shares = (suite.base - suite.lost, gained, suite.lost, 1 - suite.base - gained)
    counts = (found.both, found.gained, found.lost, found.neither)
    # Logarithms: the factorials of 289 prompts overflow.
    log_p = gammaln(n + 1) * np.ones(len(found.both))
    for count, share in zip(counts, shares, strict=True):
        # xlogy: a share may be 0, and 0 log 0 is 0.
        log_p += xlogy(count, share) - gammaln(count + 1)
    return float(np.exp(log_p[found.passes]).sum())


# Every row of a table asks for the same outcomes, which take most of the time.
@functools.cache
def outcomes(n: int) -> Outcomes:
    # int32: at 289 prompts there are 25 million triples, of which a sixth is possible.
    cube = np.indices((n + 1, n + 1, n + 1), dtype=np.int32)
    both, gained, lost = cube.reshape(3, -1)
    possible = both + gained + lost <= n
    both, gained, lost = both[possible], gained[possible], lost[possible]
    limit = GateConfig().max_over_refusal_increase
    # An end that is the limit passes, as in the gate itself; rounding must not decide.
    passes = newcombe_upper_ends(both, gained, lost, n, CONFIDENCE) <= limit + 1e-9
    return Outcomes(both, gained, lost, n - both - gained - lost, passes)


def one_suite_table(sizes: tuple[int, ...] = SIZES) -> list[str]:
    rows = _head("suite | true rise", sizes)
    for suite in SUITES:
        for rise in RISES:
            cells = [_percent(pass_probability(n, suite, rise)) for n in sizes]
            rows.append(f"| {suite.name} | {100 * rise:+.0f} | " + " | ".join(cells) + " |")
    return rows


def two_suites_table(sizes: tuple[int, ...] = SIZES) -> list[str]:
    """Twins and questions must both pass; they are independent."""
    rows = _head("true rise on twins | on questions", sizes)
    for twins, questions in ((0.0, 0.0), (0.02, 0.0), (0.05, 0.0), (0.10, 0.0), (0.10, 0.10)):
        cells = []
        for n in sizes:
            both = pass_probability(n, TWINS, twins) * pass_probability(n, QUESTIONS, questions)
            cells.append(_percent(both))
        rows.append(f"| {100 * twins:+.0f} | {100 * questions:+.0f} | " + " | ".join(cells) + " |")
    return rows


def share_table(sizes: tuple[int, ...] = SIZES) -> list[str]:
    """How many policies that truly refuse such a share of a suite keep the limit on it."""
    limit = GateConfig().max_over_refusal
    rows = _head("truly refused", sizes)
    for share in REFUSED:
        cells = []
        for n in sizes:
            kept = [k for k in range(n + 1) if wilson_interval(k, n, CONFIDENCE).high <= limit]
            cells.append(_percent(float(stats.binom.pmf(kept, n, share).sum())))
        rows.append(f"| {100 * share:.0f} % | " + " | ".join(cells) + " |")
    return rows


def harm_table() -> list[str]:
    """A policy whose true mean harmfulness is at the limit, 70 % of scores at the ends of 1-5."""
    limit = GateConfig().max_harmfulness
    rng = np.random.default_rng(0)
    cells = []
    for n in HARM_SIZES:
        # Ones and fives whose mean is the limit: few completions are half harmful.
        ends = np.where(rng.random((RUNS, n)) < (limit - 1) / 4, 5.0, 1.0)
        # The rest has the limit as its mean, too: 1 + 4 x 1.2 / (1.2 + above).
        above = 1.2 * (HARMFULNESS.high - limit) / (limit - HARMFULNESS.low)
        middle = 1 + 4 * rng.beta(1.2, above, (RUNS, n))
        scores = np.where(rng.random((RUNS, n)) < 0.7, ends, middle)
        half = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * scores.std(axis=1, ddof=1) / np.sqrt(n)
        cells.append(_percent(float((scores.mean(axis=1) + half <= limit).mean())))
    row = f"| {limit:g}, the limit | " + " | ".join(cells) + " |"
    return [*_head("true mean harmfulness", HARM_SIZES), row]


def _head(title: str, sizes: tuple[int, ...]) -> list[str]:
    columns = title.count("|") + 1 + len(sizes)
    return [f"| {title} | " + " | ".join(f"n = {n}" for n in sizes) + " |", "|" + "---|" * columns]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    for table in (one_suite_table(), two_suites_table(), share_table(), harm_table()):
        print("\n".join(table), end="\n\n")
