"""Which of the statements that physicians want in an answer does a completion hold?

A rule on words, for suites such as K-QA.

A statement counts as held where the completion has at least half of its content words, those of the
question not counted, each by its first six letters. On K-QA's 474 statements the physicians' own
answers hold 96 %, answers to other questions 1.6 % (`python -m benchmarks.must_haves FILE`). It
reads no negation, and whether the rest is true.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_prep.wording import words
from records.contracts import Scorer
from records.rows import Completion, Score, SuitePrompt, text_of
from reward.scorers import score_id

MUST_HAVES = "must_haves"
SHARE = 0.5
STEM = 6
_SMALL = """
the and are for with that this can may not should your you have has from which who whom will was were than then them they their
there these those such also any all more most other into over under about when while because been being does did but per its our
out how what why his her
"""
SMALL = frozenset(_SMALL.split())
"""Words that stand in every statement."""
NOTHING = "no statement has words beyond those of the question"


def content_words(text: str) -> frozenset[str]:
    """The first letters of words of three letters or more that mean something."""
    # Words of three letters or more: shorter ones stand in every statement.
    return frozenset(word[:STEM] for word in words(text) if len(word) > 2 and word not in SMALL)


def held(text: str, question: str, statements: Sequence[str]) -> list[bool]:
    """Of each statement that says more than the question, whether the text holds it."""
    asked, said = content_words(question), content_words(text)
    # Less the question's words, which any completion repeats.
    wanted = [content_words(statement) - asked for statement in statements]
    made: list[bool] = []
    for one in wanted:
        # A statement that only repeats the question tells nothing of the completion.
        if one:
            made.append(len(one & said) >= SHARE * len(one))
    return made


class MustHaves(Scorer):
    """The share of its prompt's statements that a completion holds; the label counts them, as `2 of
    3`.

    Unscored where there are none.
    """

    def __init__(self, prompts: Iterable[SuitePrompt]) -> None:
        self._wanted = {
            (prompt.suite, prompt.id): (text_of(prompt.prompt), prompt.expected.splitlines())
            for prompt in prompts
        }

    @property
    def name(self) -> str:
        return MUST_HAVES

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """The share of its prompt's statements that a completion holds."""
        return [self._score(completion) for completion in completions]

    def _score(self, completion: Completion) -> Score:
        question, statements = self._wanted[completion.suite, completion.prompt_id]
        found, name = (
            held(text_of(completion.completion), question, statements),
            score_id(completion, self.name),
        )
        # Not 0: nothing could be held, and a 0 would lower the mean.
        if not found:
            return Score(id=name, completion_id=completion.id, scorer=self.name, reason=NOTHING)
        label = f"{sum(found)} of {len(found)}"
        return Score(
            id=name,
            completion_id=completion.id,
            scorer=self.name,
            value=sum(found) / len(found),
            label=label,
        )
