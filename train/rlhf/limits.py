"""The limit on over-refusal, as a limit on drawn completions.

A run is held to greedy completions of validation prompts; a step sees drawn completions of training
prompts, which refuse more or less often. So the limit of a step is moved as the two differ where
both were measured last, on the scoreboard.
"""

from __future__ import annotations

from collections.abc import Mapping


def drawn_limits(
    base: Mapping[str, float],
    *,
    rise: float,
    greedy: Mapping[str, float],
    drawn: Mapping[str, float],
) -> dict[str, float]:
    """By suite, the most that drawn completions may refuse, where greedy ones may refuse base +
    rise.

    `base`: greedy over-refusal of the run's base policy. `greedy` and `drawn`: of one policy, the
    last that the scoreboard measured; a suite that is missing in either counts as alike in both.

    >>> drawn_limits({"twins": 0.1}, rise=0.1, greedy={"twins": 0.25}, drawn={"twins": 0.5})
    {'twins': 0.4}
    """
    found = {}
    for suite, rate in base.items():
        limit = min(rate + rise, 1.0)
        if suite in greedy and suite in drawn:
            limit = _moved(limit, greedy[suite], drawn[suite])
        found[suite] = round(limit, 12)
    return found


def _moved(limit: float, greedy: float, drawn: float) -> float:
    """Along the two straight lines from (0, 0) over (greedy, drawn) to (1, 1).

    A share stays one. Moved by the difference, a limit falls below 0 where greedy completions
    refuse far more than drawn ones, and a multiplier then rises without end.
    """
    if limit <= greedy:
        return limit * drawn / greedy if greedy else drawn
    return 1 - (1 - limit) * (1 - drawn) / (1 - greedy)
