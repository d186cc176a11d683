"""A judge behind a server of the tests' own."""

from __future__ import annotations

from pathlib import Path

from reward.judges.asking import AskEndpoint
from reward.judges.judge import JudgeScorer
from reward.judges.rubric import Rubric
from reward.judges.settings import EndpointConfig, RubricConfig

KEY = "sk-secret-of-the-test"


class Judge:
    """A judge as scorer_from makes it, with the seconds that it would have waited."""

    def __init__(self, config: EndpointConfig, path: Path, repetitions: int) -> None:
        self.waited: list[float] = []
        asking = AskEndpoint(
            config, path, wait=lambda stop, seconds: self.waited.append(seconds), clock=lambda: 1e9
        )
        self.scorer = JudgeScorer("judge", Rubric(RubricConfig()), asking, repetitions=repetitions)
        self.score, self.report = self.scorer.score, self.scorer.report
