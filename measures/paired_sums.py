"""The standardised difference of paired whole numbers, from sums that pairs are added to and taken
from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class PairedSums:
    """Sums over the two sides of pairs.

    They are whole numbers, so taking a pair away leaves no rounding behind.
    """

    count: int = 0
    first: int = 0
    second: int = 0
    first_squares: int = 0
    second_squares: int = 0

    def add(self, first: int, second: int, *, times: int = 1) -> None:
        """One pair; `times` -1 takes it away."""
        self.count += times
        self.first += times * first
        self.second += times * second
        self.first_squares += times * first**2
        self.second_squares += times * second**2

    def scale(self, least: float = 1.0) -> float:
        """Root of the mean of both sides' sample variances, or `least` where that is smaller.

        Numbers that never vary would otherwise leave an infinite difference.
        """
        if self.count < 2:
            return least
        spread = (
            self.count * (self.first_squares + self.second_squares) - self.first**2 - self.second**2
        )
        # (n * sum(x^2) - sum(x)^2) / (n (n - 1)) is a sample variance; the two are averaged.
        return max(least, math.sqrt(spread / (2 * self.count * (self.count - 1))))

    @property
    def standardised_difference(self) -> float:
        """(mean of first - mean of second) / scale; 0 without pairs."""
        return (self.first - self.second) / self.count / self.scale() if self.count else 0.0
