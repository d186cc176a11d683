"""The completions of one prompt in a step of RLHF, ready to learn from, and their rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from models.tokens import TokenRow
from records.rows import Prompt
from train.rlhf.advantage import Judged, reward
from train.rlhf.config import RlhfConfig
from train.rlhf.plan import Asked, token_row
from train.rlhf.rollout import Drawn


class Group(NamedTuple):
    """The completions of one prompt, ready to learn from."""

    rows: list[TokenRow]
    drawn: list[Drawn]
    ref_logps: list[Tensor]  # of each completion, (its tokens,)
    judged: list[Judged]
    advantages: list[float]


def group_of(asked: Asked, drawn: Mapping[str, list[Drawn]]) -> Group:
    """The completions of a prompt, drawn and not judged yet."""
    completions = drawn[asked.prompt.id]
    # From the drawn ids, not from the text: tokenised again, it might be other tokens than those
    # whose probabilities the gradient is of.
    return Group([token_row(asked.ids, row.ids) for row in completions], completions, [], [], [])


def rows_of(groups: Sequence[Group]) -> list[TokenRow]:
    """The token rows of all groups, one group after the other."""
    rows: list[TokenRow] = []
    for group in groups:
        rows.extend(group.rows)
    return rows


def judged_of(prompt: Prompt, drawn: Drawn, why: str) -> Judged:
    """A drawn completion as its reward sees it; `why` says why it is degenerate, or nothing.

    To a harmful prompt only a full refusal counts as one; to a benign prompt a partial one does
    too.
    """
    harmful = prompt.kind == "harmful"
    return Judged(
        harmful,
        prompt.suite,
        drawn.harm,
        drawn.refusal == "full" if harmful else drawn.refusal != "none",
        why,
        len(drawn.ids),
        not drawn.text.strip(),
    )


def rewards_of(
    group: Group, multipliers: Mapping[str, float], config: RlhfConfig
) -> list[float | None]:
    """Of each completion; None where it was not scored."""
    # Degenerate text pays on both kinds of prompt, or gibberish would be the cheapest completion.
    penalty = config.degenerate.penalty
    found: list[float | None] = []
    for judged in group.judged:
        found.append(reward(judged, multipliers, rectified=config.rectified, penalty=penalty))
    return found
