"""Every kind of fault by name: what it means, what its share is a share of, and whether such a row
is dropped.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Unit = Literal[
    "rows", "harmful requests", "completions", "safe completions", "helpful completions", "pairs"
]


class Fault(NamedTuple):
    kind: str
    id: str
    """Of the row; empty where the fault is of the whole set."""
    detail: str
    """Says where and what, and holds no text of the row."""
    source: str = ""
    """Of the row; empty for a pair and for the whole set."""


class FaultKind(NamedTuple):
    of: Unit
    meaning: str
    dropped: bool = False
    """Left out, counted and named; every other kind is only reported."""


FAULT_KINDS = {
    "lone_surrogate": FaultKind(
        "rows", "half of a UTF-16 pair, which no UTF-8 file can hold", dropped=True
    ),
    "roles": FaultKind("rows", "messages in an order that no chat template renders", dropped=True),
    "special_token": FaultKind(
        "rows",
        "a chat template's own token in the text, which would end or fake a turn",
        dropped=True,
    ),
    "chat_template": FaultKind(
        "rows",
        "a conversation that the run's chat template refuses, or does not write as it stands",
        dropped=True,
    ),
    "identical_pair": FaultKind(
        "pairs", "chosen and rejected are the same text, white space aside", dropped=True
    ),
    "contradictory_pair": FaultKind(
        "pairs",
        "its two completions are also ranked the other way round for the same prompt",
        dropped=True,
    ),
    "duplicate_pair": FaultKind(
        "pairs", "the same prompt, chosen and rejected as an earlier pair", dropped=True
    ),
    "no_room": FaultKind("pairs", "the prompt fills model.max_length", dropped=True),
    "identical_after_cut": FaultKind(
        "pairs", "model.max_length cuts away all that tells chosen from rejected", dropped=True
    ),
    "cut_pair": FaultKind("pairs", "model.max_length cuts a side"),
    "swapped_pair": FaultKind(
        "pairs", "the same two completions are ranked the other way round for another prompt"
    ),
    "length_bias": FaultKind(
        "pairs",
        "chosen completions are longer, or shorter, than rejected ones by more than "
        "data.lint.max_length_bias",
    ),
    "replacement_character": FaultKind(
        "rows", "U+FFFD: a character was lost when the text was decoded"
    ),
    "control_character": FaultKind("rows", "a control character other than tab and line ends"),
    "byte_order_mark": FaultKind("rows", "U+FEFF inside the text"),
    "mojibake": FaultKind("rows", "UTF-8 that was read as another encoding"),
    "too_long": FaultKind("rows", "more words than any model here reads"),
    "duplicate_prompt": FaultKind(
        "rows", "the same prompt as an earlier row but for case and punctuation"
    ),
    "contradictory_kind": FaultKind(
        "rows", "the same prompt as an earlier row of the other kind but for case and punctuation"
    ),
    "empty_completion": FaultKind(
        "rows", "a completion without text; its row is used as a prompt only"
    ),
    "prompt_in_completion": FaultKind("completions", "the whole request stands in the completion"),
    "no_refusal": FaultKind(
        "safe completions",
        "labelled harmful, and the completion does not decline: it or the label is wrong",
    ),
    "refusal_of_benign": FaultKind(
        "helpful completions", "labelled benign, and the completion refuses"
    ),
    "benign_lookalike": FaultKind(
        "harmful requests", "labelled harmful, and asks what benign rows ask"
    ),
    "opening_share": FaultKind(
        "safe completions",
        "the same three words open more of them than data.lint.max_opening_share",
    ),
    "personal_data": FaultKind("rows", "something that identifies a person"),
}


def encodable(text: str) -> str:
    """The text with lone surrogates spelled out, so that a report can name a row by a broken id."""
    # A report that could not be encoded would hide every other fault.
    return text.encode("utf-8", "backslashreplace").decode()
