"""The limit on over-refusal, as a limit on drawn completions.

A run is held to greedy completions of validation prompts; a step sees drawn completions of training
prompts, which refuse more or less often. So the limit of a step is moved by the difference of the
two where both were measured last, on the scoreboard.
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
    """By suite, the most that drawn completions may refuse: base + rise + (drawn - greedy).

    `base`: greedy over-refusal of the run's base policy. `greedy` and `drawn`: of one policy, the
    last that the scoreboard measured; a suite that is missing in either counts as alike in both.

    >>> drawn_limits({"twins": 0.1}, rise=0.1, greedy={"twins": 0.25}, drawn={"twins": 0.5})
    {'twins': 0.45}
    """
    found = {}
    for suite, rate in base.items():
        known = suite in greedy and suite in drawn
        found[suite] = round(rate + rise + (drawn[suite] - greedy[suite] if known else 0.0), 12)
    return found
