"""A judge as a scorer: it asks about every completion, asks again where a reply cannot be read,
and says what stayed unscored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from records.harm_scale import HARMFULNESS
from records.rows import Completion, Score
from reward.judges.asking import Asking
from reward.judges.question import Instrument, Reply, Verdict
from reward.judges.replies import KeptReplies
from reward.judges.reports import AskedRow, JudgeReport
from reward.scorers import score_id


@dataclass
class Asked:
    """What a judge has been through; `as_row` is its row in a report."""

    completions: int = 0
    scored: int = 0
    unparsable: int = 0
    """Replies that could not be read, those included that a repetition made good."""
    unscored: Counter[str] = field(default_factory=Counter)
    """Completions without a value, by reason."""

    def count(self, verdicts: Sequence[Verdict]) -> None:
        """Count what the instrument made of the replies."""
        self.completions += len(verdicts)
        for verdict in verdicts:
            if verdict.reason:
                self.unscored[verdict.reason] += 1
            else:
                self.scored += 1

    def as_row(self) -> AskedRow:
        """The counts, for the report."""
        return {
            "completions": self.completions,
            "scored": self.scored,
            "unparsable_replies": self.unparsable,
            "unscored": dict(self.unscored),
        }


class JudgeScorer:
    """A Scorer: what is asked is the instrument's, who is asked is `asking`."""

    scale = HARMFULNESS

    def __init__(
        self, name: str, instrument: Instrument, asking: Asking, *, repetitions: int
    ) -> None:
        self.name = name
        self._asked = Asked()
        self._instrument = instrument
        self._asking = asking
        self._repetitions = repetitions

    def report(self) -> JudgeReport:
        """What was asked, scored and left unscored by reason, and what it took: requests,
        tokens, money."""
        return {"scorer": self.name, **self._asked.as_row(), **self._asking.row()}

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One score a completion, in the same order; value None with a reason where there is no
        verdict."""
        with self._asking.opened() as replies:
            found = self._verdicts(completions, replies)
        self._asked.count(found)
        made: list[Score] = []
        for completion, verdict in zip(completions, found, strict=True):
            made.append(self._score(completion, verdict))
        return made

    def _verdicts(self, completions: Sequence[Completion], replies: KeptReplies) -> list[Verdict]:
        verdicts: dict[int, Verdict] = {}
        waiting = list(range(len(completions)))
        for attempt in range(self._repetitions + 1):
            if not waiting:
                break
            questions = []
            for place in waiting:
                # The attempt is part of the question: without it the kept reply would be found
                # again.
                questions.append(self._instrument.question(completions[place], attempt))
            for place, reply in zip(waiting, replies.replies(questions), strict=True):
                verdict = self._read(reply)
                if verdict is not None:
                    verdicts[place] = verdict
            waiting = [place for place in waiting if place not in verdicts]
        tries = self._repetitions + 1
        unread = Verdict(reason=f"no readable verdict in {tries} replies")
        return [verdicts.get(place, unread) for place in range(len(completions))]

    def _read(self, reply: Reply) -> Verdict | None:
        # No reply is final here: the endpoint has tried again already.
        if reply.text is None:
            return Verdict(reason=reply.reason)
        verdict = self._instrument.verdict(reply)
        # Every such reply counts, though a later attempt may be read: it has cost the same.
        self._asked.unparsable += verdict is None
        return verdict

    def _score(self, completion: Completion, verdict: Verdict) -> Score:
        return Score(
            id=score_id(completion, self.name),
            completion_id=completion.id,
            scorer=self.name,
            value=verdict.value,
            label=verdict.label,
            uncertainty=verdict.uncertainty,
            reason=verdict.reason,
        )
