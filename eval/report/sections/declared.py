"""A section of the report: a place in the order, a title, and a pure function of what was
measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eval.gate_result import GateResult
from eval.measured import Sample
from eval.report.examples import QuoteRule
from eval.report.narrowing import narrowed, narrowed_scoreboard
from eval.report.rendering import Section
from eval.results.results import Results
from eval.results.scoreboard_row import ScoreboardRow


@dataclass(frozen=True)
class Material:
    """What a section may read."""

    results: Results
    """With the worst suites where there are very many: what tables show."""
    whole: Results
    """As it stands."""
    scoreboard: Sequence[ScoreboardRow] = ()
    samples: Sequence[Sample] = ()
    """A row a completion (`Measured.to_row`); none where no completion may be looked at."""
    rule: QuoteRule | None = None
    """What may be quoted, where others than the run's readers are to have the page."""
    gates: Sequence[GateResult] = ()
    """The lines of the release gate, where it was asked."""
    opens_withheld: bool = False
    """Whether the page holds withheld completions, opened on click; never where there is a rule."""
    drawn: bool = False
    """Whether figures are wanted: matplotlib costs seconds."""

    @classmethod
    def of(
        cls, results: Results, scoreboard: Sequence[ScoreboardRow] = (), **rest: Any
    ) -> Material:
        """Of results as they stand; `rest` are the fields of the same names."""
        # Narrowed once for all sections, so that each shows the same suites.
        return cls(narrowed(results), results, narrowed_scoreboard(scoreboard), **rest)


@dataclass(frozen=True)
class Declared:
    """A section before it is built.

    `build` answers None where the results do not hold what it shows.
    """

    name: str
    """Its address in the page, `#name`."""
    place: int
    """Sections stand in the order of their places; neighbours are tens apart, so that one fits
    between."""
    title: str
    build: Callable[[Material], Section | None]

    def of(self, material: Material) -> Section | None:
        """The section under its title, unless it has named itself."""
        section = self.build(material)
        return section and replace(section, title=section.title or self.title, name=self.name)
