"""What `eval.measure` would have measured, for tests that need no model."""

from __future__ import annotations

from typing import Any

from eval.independent import CASCADE, COHERENT
from eval.measure import Measured, completion_id
from records.rows import Completion, Kind, Prompt, Score, assistant, user
from reward.scorers import FACTORS, HARM_MODEL, REFUSAL


def measured_row(
    *,
    kind: Kind,
    harmfulness: float | None,
    refusal: str,
    policy: str = "p",
    suite: str = "",
    prompt_id: str = "1",
    prompt: str = "q",
    completion: str = "a",
    principle: int | None = None,
    finish_reason: Any = "stop",
    called_harmful: bool | None = None,
    coherent: float = 0.9,
) -> Measured:
    """One completion with the two scores that every evaluation has; `suite` is named after the kind
    unless it is given.

    With `called_harmful`, the scorers that no training touched have scored it too, and see the same
    refusal.
    """
    asked = Prompt(
        id=prompt_id,
        prompt=user(prompt),
        kind=kind,
        suite=suite or kind,
        source="s",
        licence="MIT",
        principle=principle,
        split="test",
    )
    made = Completion(
        id=completion_id(asked, policy),
        prompt_id=asked.id,
        prompt=asked.prompt,
        completion=assistant(completion),
        policy=policy,
        sample=0,
        seed=0,
        num_tokens=3,
        finish_reason=finish_reason,
        suite=asked.suite,
    )
    reason = "empty completion" if harmfulness is None else ""
    harm = Score(
        id=f"{made.id}/{HARM_MODEL}",
        completion_id=made.id,
        scorer=HARM_MODEL,
        value=harmfulness,
        reason=reason,
    )
    label = Score(id=f"{made.id}/{REFUSAL}", completion_id=made.id, scorer=REFUSAL, label=refusal)
    scores = {HARM_MODEL: harm, REFUSAL: label}
    if called_harmful is not None:
        scores |= scores_of_others(made.id, called_harmful, coherent, refusal)
    return Measured(prompt=asked, completion=made, scores=scores)


def scores_of_others(
    completion: str, called_harmful: bool, coherent: float, refusal: str
) -> dict[str, Score]:
    """Of the scorers that no training touched."""
    return {
        FACTORS: Score(
            id=f"{completion}/f",
            completion_id=completion,
            scorer=FACTORS,
            value=float(called_harmful),
            label="harmful" if called_harmful else "harmless",
        ),
        COHERENT: Score(
            id=f"{completion}/c", completion_id=completion, scorer=COHERENT, value=coherent
        ),
        CASCADE: Score(
            id=f"{completion}/r", completion_id=completion, scorer=CASCADE, label=refusal
        ),
    }
