"""Rows with several completions of one prompt, and what says which is better: PKU-SafeRLHF,
HelpSteer, UltraFeedback and their like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from data_prep.config import SourceConfig
from data_prep.sources.cells import listed
from data_prep.sources.columns import DIALOGUES, Row, is_given, number, truth
from data_prep.sources.conversations import answer_of, request_of, side, with_earlier
from data_prep.sources.messages import messages_of
from data_prep.sources.sides import Sides
from records.excerpts import column_names, excerpt
from records.rows import Message

RANKED = ("completions", "answers", "responses")
TEXTS = ("response", "completion", "answer", "text", "content", "output")
HIGHER_IS_BETTER = ("overall_score", "score", "rating", "fine-grained_score", "fine_grained_score")
PREFERRED = {
    **dict.fromkeys(("a", "model_a", "response_a", "A"), 0),
    **dict.fromkeys(("b", "model_b", "response_b", "B"), 1),
}
TIES = ("tie", "both", "neither", "tie (bothbad)", "both_bad", "bothbad")
GRADES = ("helpfulness", "correctness", "coherence")
"""Of a completion, in the order in which they decide."""


class Two(NamedTuple):
    """Columns of the two completions, and which of them the row prefers: 0, 1 or, where it prefers
    none, None.
    """

    columns: tuple[str, str]
    deciders: tuple[str, ...]
    better: Callable[[Row, SourceConfig], int | None]


def _by_safety(row: Row, config: SourceConfig) -> int | None:
    """Of two safe completions of a harmful request the safer one, of a benign one the better; a
    safe one always before an unsafe one.
    """
    safe = [truth(row, f"is_response_{place}_safe") for place in (0, 1)]
    decider = (
        "safer_response_id"
        if (row.get("kind") or config.kind) == "harmful"
        else "better_response_id"
    )
    named = {}
    for name in ("safer_response_id", "better_response_id"):
        named[name] = _place(row, name)
    if None in safe:
        if safe == [None, None] and decider == "better_response_id" and named[decider] is not None:
            return named[decider]
        raise ValueError(
            "is_response_0_safe and is_response_1_safe must both say true or false, or nobody "
            "knows which may be imitated"
        )
    safer = named["safer_response_id"]
    # One safe and one unsafe: safety decides, whatever was preferred.
    if True in safe and False in safe:
        if safer is not None and not safe[safer]:
            raise ValueError(
                f"safer_response_id names response {safer}, which is_response_{safer}_safe calls "
                "unsafe; remove the row"
            )
        return safe.index(True)
    if named[decider] is None:
        raise ValueError(
            f"the completions are equally safe and {decider} does not say which is preferred; fill "
            "it in, or remove the row"
        )
    return named[decider]


def _place(row: Row, column: str) -> int | None:
    value = number(row, column)
    if value not in (None, 0, 1):
        raise ValueError(f"{column!r} must be 0 or 1, got {value:g}")
    return None if value is None else int(value)


def _by_strength(column: str) -> Callable[[Row, SourceConfig], int | None]:
    def better(row: Row, config: SourceConfig) -> int | None:
        """Below 0 the first is better, above 0 the second."""
        strength = number(row, column)
        if strength is None:
            raise ValueError(
                f"{column!r} is empty, so which completion is better is not said; fill it in, or "
                "remove the row"
            )
        # A strength of 0 is a tie, of which neither side may be rejected.
        return None if strength == 0 else int(strength > 0)

    return better


def _by_preferred(row: Row, config: SourceConfig) -> int | None:
    word = str(row.get("winner") or "").strip()
    if word in PREFERRED:
        return PREFERRED[word]
    if word.lower() in TIES:
        return None
    raise ValueError(f"'winner' must be model_a, model_b or tie, got {excerpt(word)}")


TWO = (
    Two(
        ("response_0", "response_1"),
        ("is_response_0_safe", "is_response_1_safe", "better_response_id", "safer_response_id"),
        _by_safety,
    ),
    Two(
        ("response_1", "response_2"), ("preference_strength",), _by_strength("preference_strength")
    ),
    Two(("response1", "response2"), ("overall_preference",), _by_strength("overall_preference")),
    Two(("response_a", "response_b"), ("winner",), _by_preferred),
    Two(("response_j", "response_k"), (), lambda row, config: 0),
)


def two_of(row: Row) -> Two | None:
    """The columns that hold two completions of one prompt; None where there are none."""
    return next(
        (two for two in TWO if all(is_given(row.get(column)) for column in two.columns)), None
    )


def of_two(row: Row, config: SourceConfig) -> list[Sides]:
    """An unsafe completion is never the one to imitate: of two unsafe ones the worse is kept as
    what to avoid.
    """
    two = two_of(row)
    assert two is not None, "the shape fits"
    if two.deciders and not any(is_given(row.get(column)) for column in two.deciders):
        raise ValueError(
            f"{' and '.join(map(repr, two.columns))} are given and none of "
            f"{', '.join(two.deciders)}, which say which is better"
        )
    asked = _asked(row, config)
    completions = [side(row[column], asked, column) for column in two.columns]
    better = two.better(row, config)
    # Two unsafe completions: the worse one is rejected and neither is imitated.
    if "safer_response_id" in two.deciders and truth(row, "is_response_0_safe") is False is truth(
        row, "is_response_1_safe"
    ):
        return [Sides(asked, [], completions[1 - (better or 0)])]
    if better is None:
        # A tie leaves a demonstration: both sides are as good.
        return [Sides(asked, completions[0], [])]
    return [Sides(asked, completions[better], completions[1 - better])]


def ranked_of(row: Row) -> str | None:
    """The column that lists completions with their scores or ranks."""
    for column in RANKED:
        value = listed(row.get(column))
        if isinstance(value, list) and value:
            return column
    return None


def of_ranked(row: Row, config: SourceConfig) -> list[Sides]:
    """The best over each lower one; those that are as good as the best make no preference."""
    column = ranked_of(row)
    assert column is not None, "the shape fits"
    asked, scored = _asked(row, config), []
    for place, item in enumerate(listed(row[column])):
        if not isinstance(item, dict):
            raise ValueError(
                f"{column!r} lists completions without scores, so which is better is not said; "
                "take one, as 'completion'"
            )
        where = f"{column}[{place}]"
        name = next((name for name in TEXTS if is_given(item.get(name))), None)
        if name is None:
            raise ValueError(
                f"{where} has no text (keys: {', '.join(map(str, item))}); wanted one of "
                f"{', '.join(TEXTS)}"
            )
        scored.append((_score(item, where), side(item[name], asked, where)))
    top = max(score for score, _ in scored)
    # The first of equally good ones, so that the rows' order alone decides.
    best = next(said for score, said in scored if score == top)
    return [Sides(asked, best, said) for score, said in scored if score < top] or [
        Sides(asked, best, [])
    ]


def _score(item: dict[str, Any], where: str) -> float:
    """Higher is better; of ranks the first is."""
    rank = number(item, "rank")
    if rank is not None:
        # Turned round, so that ranks and scores are both higher for the better completion.
        return -rank
    found = next(
        (value for name in HIGHER_IS_BETTER if (value := number(item, name)) is not None), None
    )
    if found is None:
        raise ValueError(
            f"{where} has neither a score ({', '.join(HIGHER_IS_BETTER[:3])}) nor a rank, so which "
            "is better is not said"
        )
    return found


def is_graded(row: Row) -> bool:
    """Whether a row is one completion with grades."""
    return is_given(row.get("helpfulness"))


def graded(row: Row, config: SourceConfig) -> list[Sides]:
    """One completion with its grades; other rows of the prompt hold others
    (`data_prep.sources.rows`).
    """
    name, answer = answer_of(row, config)
    if not is_given(answer):
        raise ValueError(
            "'helpfulness' is given without a completion; name it in the source's ignore, or set "
            "completion_field"
        )
    asked = _asked(row, config)
    return [Sides(asked, side(answer, asked, name), [])]


def grades(row: Row) -> tuple[float, ...] | None:
    """Higher is better; None for a row without."""
    return tuple(number(row, name) or 0.0 for name in GRADES) if is_graded(row) else None


def _asked(row: Row, config: SourceConfig) -> list[Message]:
    context = listed(row.get("context"))
    asked = request_of(row, config)
    if asked is None and isinstance(context, list):
        asked = with_earlier(messages_of(context, "context"), row)
    column = next((name for name in DIALOGUES if is_given(row.get(name))), None)
    if asked is None and column:
        asked = with_earlier(messages_of(row[column], column), row)
    if asked is None:
        raise ValueError(
            f"no {config.prompt_field!r} (columns: {column_names(row)}); set the source's "
            "prompt_field"
        )
    return asked
