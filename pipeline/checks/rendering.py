"""Real rows through the chat template and the tokenizer: do they fit into model.max_length, and how
long do prompts get?
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.loading.template_faults import row_fault
from models.tokens import TokenRow, encode, prompt_ids
from pipeline.checks.dealing import Dealt
from pipeline.revising import CRITIQUE_TOKENS
from pipeline.run.config import RunConfig
from records.errors import ModelError
from records.principles import PRINCIPLES, critique_request, rewrite_request
from records.rows import Demonstration, Kind, Message, Prompt, assistant, text_of, user
from reward.refusal.rule import split_refusal

ROWS_TRIED = 300
LONGEST_TRIED = 40
"""Prompts that have most characters, beside those at even distances: the longest of all is almost
surely among them."""
LONG_SHARE = 0.1
"""Of prompts that may take more than half of model.max_length before it is a fault; they are
dropped, and counted."""


@dataclass(frozen=True)
class Tried:
    """What some rows of the run became."""

    prompt_lengths: dict[str, int]
    """Tokens, by prompt id."""
    even: list[str] = field(default_factory=list)
    """Ids of the prompts at even distances, which alone say how long prompts usually are."""
    kept: dict[Kind, list[TokenRow]] = field(default_factory=dict)
    """Rows with a completion that fit."""
    too_long: dict[Kind, int] = field(default_factory=dict)
    """Rows with a completion whose prompt leaves no room for it."""
    rejected: list[str] = field(default_factory=list)
    """Why the chat template takes some rows not, one entry a row."""

    @property
    def rows(self) -> list[TokenRow]:
        """The rows that fit, of both kinds."""
        made: list[TokenRow] = []
        for rows in self.kept.values():
            made.extend(rows)
        return made


def try_rows(tokenizer: Any, rows: Sequence[Demonstration], max_length: int) -> Tried:
    """Render and tokenise rows at even distances, and the longest prompts."""
    tried = Tried({})
    even = {row.id for row in _evenly(rows)}
    for row in _chosen(rows):
        # A row that the template does not hold is left out by prep, so its length is no matter.
        if why := row_fault(tokenizer, row.prompt, row.completion):
            tried.rejected.append(why)
            continue
        tried.prompt_lengths[row.id] = len(prompt_ids(tokenizer, row.prompt))
        fits = (
            encode(tokenizer, row.prompt, row.completion, max_length)
            if text_of(row.completion).strip()
            else None
        )
        # Only rows at even distances say how long prompts usually are; the longest were picked for
        # it.
        tried.even.extend([row.id] if row.id in even else [])
        if fits is not None:
            tried.kept.setdefault(row.kind, []).append(fits)
        elif row.completion:
            tried.too_long[row.kind] = tried.too_long.get(row.kind, 0) + 1
    return tried


def fit_in_length(config: RunConfig, tried: Tried) -> list[str]:
    """model.max_length against the rows: where none of a kind fits, no stage could train on that
    kind.
    """
    limit = config.model.max_length
    if tried.rejected and not tried.prompt_lengths:
        return [
            f"model.base.chat_template: none of {len(tried.rejected)} rows tried can be rendered "
            f"({tried.rejected[0]}); wanted a template that takes the roles of your rows; set "
            "another one"
        ]
    faults = []
    for kind, count in tried.too_long.items():
        if not tried.kept.get(kind):
            shortest = min(tried.prompt_lengths.values())
            faults.append(
                f"model.max_length={limit}: none of {count} {kind} rows tried fits, prompts take "
                f"{shortest} tokens or more and need room for a completion; nothing could be "
                f"trained on them; set it to {_enough(tried)} or so"
            )
    return faults


def length_faults(config: RunConfig, tried: Tried) -> tuple[list[str], list[str]]:
    """(faults, lines): how long prompts are, and whether many leave little room."""
    lengths = _usual(tried)
    if not lengths:
        return [], []
    middle, high, limit = lengths[len(lengths) // 2], _high(lengths), config.model.max_length
    longest, count = max(tried.prompt_lengths.values()), len(tried.prompt_lengths)
    said = (
        f"prompts of {middle} tokens (median), {high} (95 %), {longest} (longest of {count} "
        f"tried); model.max_length is {limit}"
    )
    lines = [said]
    if tried.rejected:
        lines.append(
            f"{len(tried.rejected)} of the rows tried are not held by the chat template, and prep "
            f"leaves them out ({tried.rejected[0]})"
        )
    long = sum(length > limit // 2 for length in lengths) / len(lengths)
    if long <= LONG_SHARE:
        return [], lines
    return [
        f"model.max_length={limit}: {long:.0%} of prompts take more than half of it ({said}); set "
        f"it to {_enough(tried)} or so"
    ], lines


def longest_by_use(
    config: RunConfig, tokenizer: Any, dealt: Dealt, suites: Sequence[Prompt], tried: Tried
) -> dict[str, int]:
    """The most tokens that a row of the run can take, by the setting that decides them."""
    sampled = _longest(tokenizer, [*dealt.of("train"), *dealt.of("val")], tried)
    measured = _longest(tokenizer, [*dealt.of("val"), *dealt.of("test"), *suites], tried)
    sample, new = config.sample, config.sample.generation.max_new_tokens
    new_in_eval = config.eval.generation.max_new_tokens
    # Keyed by the setting that a user would lower, which the message then names.
    found = {
        f"model.max_length={config.model.max_length}": config.model.max_length,
        f"sample.generation.max_new_tokens={new} after the longest prompt": sampled + new,
        f"eval.generation.max_new_tokens={new_in_eval} after the longest prompt": (
            measured + new_in_eval
        ),
    }
    declines = []
    for row in _chosen([*dealt.of("train", "harmful"), *dealt.of("val", "harmful")]):
        declines.append(_declined(tokenizer, row))
    if any(declines):
        # The base goes on from a decline for half of the tokens of a completion (the sample stage).
        found["sample: the longest decline of a safe completion, continued"] = max(declines) + max(
            1, new // 2
        )
    if sample.revisions:
        found[f"sample.revisions={sample.revisions} after the longest prompt"] = (
            sampled + _revision_tokens(tokenizer, new)
        )
    return found


def _declined(tokenizer: Any, row: Demonstration) -> int:
    """Tokens of a prompt with the decline that its safe completion begins with; 0 where there is
    none.
    """
    parts = split_refusal(text_of(row.completion))
    if not parts:
        return 0
    try:
        return len(prompt_ids(tokenizer, row.prompt)) + len(
            tokenizer(parts[0], add_special_tokens=False)["input_ids"]
        )
    except ModelError:  # counted by try_rows
        return 0


def _revision_tokens(tokenizer: Any, new: int) -> int:
    """What critique and revision add to a prompt: the completion, two requests, the critique and
    the new completion.
    """
    asked = []
    for p in PRINCIPLES:
        asked.append(
            [*assistant(""), *user(critique_request(p)), *assistant(""), *user(rewrite_request(p))]
        )
    bare = len(prompt_ids(tokenizer, user("")))
    # Rendered with empty texts, so that only the requests and the template's own marks are counted.
    longest = max(len(prompt_ids(tokenizer, [*user(""), *messages])) for messages in asked)
    return longest - bare + 2 * new + min(CRITIQUE_TOKENS, new)


def _longest(tokenizer: Any, prompts: Iterable[Prompt], tried: Tried) -> int:
    # By characters, which is quick; the longest in tokens is among so many of them.
    longest = sorted(prompts, key=_characters, reverse=True)[:LONGEST_TRIED]
    return max(
        (_length(tokenizer, prompt.id, prompt.prompt, tried) for prompt in longest), default=0
    )


def _length(tokenizer: Any, name: str, prompt: list[Message], tried: Tried) -> int:
    if name not in tried.prompt_lengths:
        try:
            tried.prompt_lengths[name] = len(prompt_ids(tokenizer, prompt))
        except ModelError:  # counted by try_rows
            return 0
    return tried.prompt_lengths[name]


def _chosen(rows: Sequence[Demonstration]) -> list[Demonstration]:
    """Some rows at even distances, and those with the longest prompts."""
    longest = sorted(rows, key=_characters, reverse=True)[:LONGEST_TRIED]
    return list({row.id: row for row in [*_evenly(rows), *longest]}.values())


def _evenly(rows: Sequence[Demonstration]) -> Sequence[Demonstration]:
    return rows[:: max(1, len(rows) // ROWS_TRIED)]


def _usual(tried: Tried) -> list[int]:
    """Lengths of prompts at even distances, in order."""
    return sorted(tried.prompt_lengths[name] for name in tried.even)


def _characters(prompt: Prompt) -> int:
    return sum(len(message["content"]) for message in prompt.prompt)


def _high(lengths: list[int]) -> int:
    return lengths[int(0.95 * (len(lengths) - 1))]


def _enough(tried: Tried) -> int:
    # Four times a usual prompt leaves three quarters for the completion.
    return 4 * _high(_usual(tried) or sorted(tried.prompt_lengths.values()))
