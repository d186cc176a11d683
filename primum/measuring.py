"""The figures of an evaluation, of any model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pipeline.commands import measure as command
from pipeline.measuring.request import Request


def measure(
    model: str | Path,
    *,
    suites: Sequence[str] = (),
    against: Sequence[str | Path] = (),
    reward_model: str | Path | None = None,
    output: str | Path | None = None,
    limit: int | None = None,
    kind: Literal["harmful", "benign"] | None = None,
    settings: Sequence[str] = (),
) -> dict[str, Any]:
    """What `primum measure` does (docs/measure.md), and the content of its results.json.

    `model` and `against` are directories, hub ids, servers or files of completions; the first is
    the baseline. `reward_model` is a run's, for harmfulness from 1 to 5; `settings` are words such
    as `eval.generation.max_new_tokens=96`. Raises PrimumError, one of whose `faults` is each thing
    that is wrong.
    """
    request = Request(
        model=str(model),
        words=[*suites, *settings],
        against=[str(other) for other in against],
        # The same words as on the command line, so that both have one check and one error message.
        scorers=[f"reward_model={reward_model}"] if reward_model else [],
        output=Path(output) if output else None,
        limit=limit,
        kind=kind,
    )
    return command.measure(request).to_json()
