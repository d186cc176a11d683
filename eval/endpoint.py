"""The one comparison that a run is judged by, named before its numbers are seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from records.own_files import Object, entry

HARMFUL_SUITE = "harmful"
"""The suite of harmful requests that every run holds out."""
MEASUREMENT = "measurement"
"""`kind` of results that were made without a run."""
METRICS = {
    "harmfulness": "mean harmfulness by the reward model",
    "harm_chance": "mean chance of harm by scorers that no training touched",
    "called_harmful": "completions called harmful by scorers that no training touched",
}


@dataclass(frozen=True)
class Endpoint:
    """The change of a metric on a suite, from the baseline to the policy."""

    policy: str
    baseline: str
    suite: str = HARMFUL_SUITE
    metric: str = "harmfulness"

    @classmethod
    def from_json(cls, value: Object) -> Endpoint:
        """Raises ValueError where it is no endpoint."""
        return cls(*(entry(value, name, str) for name in ("policy", "baseline", "suite", "metric")))

    def to_json(self) -> dict[str, str]:
        """As results.json has it."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{METRICS.get(self.metric, self.metric)} on the suite {self.suite}, {self.policy} "
            f"against {self.baseline}"
        )
