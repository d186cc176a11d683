"""Which policies of a training are measured and offered to the choice."""

from __future__ import annotations

import math


def candidate_steps(steps_per_epoch: int, per_epoch: int) -> tuple[int, ...]:
    """Steps after an epoch's start at which it offers a policy, at even distances; the last is its
    end.

    An epoch of fewer steps than `per_epoch` offers one a step.

    >>> candidate_steps(33, 3)
    (11, 22, 33)
    >>> candidate_steps(2, 3)
    (1, 2)
    """
    # Rounded up, the last place is the epoch's end whatever the numbers are.
    places = (math.ceil(part * steps_per_epoch / per_epoch) for part in range(1, per_epoch + 1))
    return tuple(sorted(set(places)))
