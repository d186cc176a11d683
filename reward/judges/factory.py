"""From settings to a scorer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from records.contracts import Scorer
from records.errors import ConfigError
from reward.judges.asking import AskEndpoint, Asking, AskLocal
from reward.judges.experts import Experts
from reward.judges.guards import Guard
from reward.judges.judge import JudgeScorer
from reward.judges.jury import Jury
from reward.judges.question import Instrument
from reward.judges.rubric import Rubric
from reward.judges.settings import JuryConfig, ScorerConfig


def scorer_from(config: ScorerConfig | JuryConfig, folder: Path | None = None) -> Scorer:
    """The scorer that the settings describe. `folder` takes its replies, one file a scorer; without
    it `config.replies` does.

    Raises ConfigError for what cannot work here, such as a key that is not set. Nothing is asked
    and no model loaded yet.
    """
    if isinstance(config, ScorerConfig) and config.kind == "experts":
        return Experts(config.name, config.labels)
    place = folder or (Path(config.replies) if config.replies else None)
    if place is None:
        raise ConfigError(
            f"scorer {config.name}: replies names no folder, wanted one that keeps them; set "
            "replies, or hand in a folder"
        )
    if isinstance(config, JuryConfig):
        members = [scorer_from(member, place) for member in config.members]
        return Jury(config.name, members, combine=config.combine, quorum=config.quorum)
    return _judge(config, place / f"{config.name}.jsonl")


def _judge(config: ScorerConfig, path: Path) -> JudgeScorer:
    guard = Guard(config.guard) if config.kind == "guard" else None
    instrument: Instrument = guard or Rubric(config.rubric)
    if config.endpoint is not None:
        endpoint = config.endpoint
        if guard:
            # A verdict is a few words: a guard that goes on writing would be paid for it.
            endpoint = replace(
                endpoint, max_tokens=min(endpoint.max_tokens, guard.format.max_new_tokens)
            )
        asking: Asking = AskEndpoint(endpoint, path)
        return JudgeScorer(config.name, instrument, asking, repetitions=config.repetitions)
    assert config.local is not None, "ScorerConfig demands one of the two"
    local = AskLocal(config.local, path, guard=guard.format if guard else None)
    # A guard's question is the same each time, so that greedy decoding would write the same reply
    # again.
    same = guard is not None and config.local.generation.temperature == 0
    return JudgeScorer(
        config.name, instrument, local, repetitions=0 if same else config.repetitions
    )
