"""Replies from a server that speaks OpenAI's protocol: several at once, again after failures,
never past the budget."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from records.errors import ConfigError, ResourceError
from reward.judges.failures import Failure, failure_of
from reward.judges.openai_client import connect, openai_library
from reward.judges.question import AskedOf, Keep, Question, Reply
from reward.judges.settings import EndpointConfig
from reward.judges.spending import Spending
from reward.judges.wire import most_tokens, read_reply, sent_fields

OVER_BUDGET = "the judge's budget is used up"
STOPPED = "stopped before it was asked about"
SILENT = 10
"""Completions in a row without a reply, each after all its tries, that make the server count as
gone."""


Wait = Callable[[threading.Event, float], object]


def waited(stop: threading.Event, seconds: float) -> None:
    """That long, or until everything is to stop."""
    stop.wait(seconds)


@dataclass
class Waits:
    """Seconds between tries: doubled each time up to a limit, up to half of it taken off at
    random, so that requests do not come back in step."""

    config: EndpointConfig
    chance: random.Random = field(default_factory=random.Random)

    def before(self, repetition: int, asked: float) -> float:
        """`repetition` counts from 0; `asked` is what the server wants, which counts where it is
        longer."""
        longest = self.config.longest_wait
        # 2.0 to the 1024th overflows; after 60 doublings any limit is reached.
        full = min(longest, self.config.first_wait * 2.0 ** min(repetition, 60))
        return max(full * (1 - 0.5 * self.chance.random()), min(asked, longest))


class Endpoint:
    """Asks a server. `wait` and `clock` stand for the world's time; a test hands in its own."""

    def __init__(
        self,
        config: EndpointConfig,
        spending: Spending,
        *,
        wait: Wait = waited,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.spending = spending
        self.repeated = 0
        """Requests that were sent again."""
        self._openai = openai_library()
        self._client = connect(config)
        self._wait, self._clock = wait, clock
        self._waits = Waits(config)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._silent = 0
        self._answered = False
        self._refused = 0

    def asked_of(self) -> AskedOf:
        """What a reply depends on besides the question."""
        config = self.config
        return {
            "model": config.model,
            "max_tokens": config.max_tokens,
            "temperature": config.temperature,
            "seed": config.seed,
            "extra": config.extra,
        }

    def reply(self, questions: Sequence[Question], keep: Keep) -> None:
        """Stops at the first failure that no other request would escape; what has been answered
        by then is kept."""
        self._stop.clear()
        # Threads, since each waits for a server nearly all of its time.
        with ThreadPoolExecutor(self.config.concurrency, thread_name_prefix="judge") as threads:
            tasks = []
            for place, question in enumerate(questions):
                tasks.append(threads.submit(self._one, question, partial(keep, place)))
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                # Those under way may be paid for already: they end and are kept. No other is sent.
                self._stop.set()
                threads.shutdown(wait=True, cancel_futures=True)
                raise

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _one(self, question: Question, keep: Callable[[Reply], None]) -> None:
        try:
            reason = self._until_replied(question, keep)
            if reason:
                keep(Reply(reason=reason))
        except BaseException:
            # The other threads must not send what nobody waits for any more.
            self._stop.set()
            raise

    def _until_replied(self, question: Question, keep: Callable[[Reply], None]) -> str:
        """Why there is no reply; empty where there is one."""
        tries = self.config.retries + 1
        reason = ""
        for repetition in range(tries):
            if self._stop.is_set():
                return STOPPED
            number = self.spending.begin(most_tokens(question), self.config.max_tokens)
            # Not an error: with a higher budget the same command goes on with this completion.
            if number is None:
                return OVER_BUDGET
            if self._stop.is_set():  # while it waited for room
                # Counted and never sent: it has cost nothing.
                self.spending.settle(number, 0, 0)
                return STOPPED
            failure = self._try(question, number, keep)
            if failure is None:
                return ""
            reason = failure.reason
            if not failure.again:
                self._count_refusal(reason)
                return reason
            if repetition + 1 < tries:
                self._count_repetition()
                self._wait(self._stop, self._waits.before(repetition, failure.wait))
        self._count_silence(reason)
        return f"no reply in {tries} tries, the last: {reason}"

    def _try(
        self, question: Question, number: int, keep: Callable[[Reply], None]
    ) -> Failure | None:
        """One request. Its reply is kept before its cost: killed in between, the cost counts too
        high and the reply is there."""
        try:
            reply = self._send(question)
        except Failure as failure:
            if failure.charged:
                self.spending.lose(number)
            else:
                self.spending.settle(number, 0, 0)
            return failure
        except BaseException:
            self.spending.lose(number)
            raise
        keep(reply)
        # A server that reports no usage: the most that it can have been stays on the account.
        if reply.input_tokens or reply.output_tokens:
            self.spending.settle(number, reply.input_tokens, reply.output_tokens)
        else:
            self.spending.lose(number)
        with self._lock:
            self._silent, self._answered = 0, True
        return None

    def _send(self, question: Question) -> Reply:
        fields = sent_fields(question, self.config)
        ask = self._client.completions if question.text else self._client.chat.completions
        try:
            body = ask.with_raw_response.create(**fields).http_response.content
        except self._openai.OpenAIError as error:
            caught = error
        else:
            return read_reply(body, question.watched)
        # Outside of `except`, so that nothing carries the client's error along: it holds the
        # request, with the text and the key.
        raise failure_of(caught, self._openai, self.config, self._clock())

    def _count_repetition(self) -> None:
        with self._lock:
            self.repeated += 1

    def _count_refusal(self, reason: str) -> None:
        with self._lock:
            self._refused += 1
            # One request that is turned down is the text's fault; ten with no reply among them, the
            # settings'.
            all_of_them = self._refused >= SILENT and not self._answered
        if all_of_them:
            raise ConfigError(
                f"endpoint.base_url={self.config.base_url}: {reason}, as it did with all others so "
                f"far; check that {self.config.model!r} takes endpoint.token_field, temperature, "
                "seed and extra as they are set, log-probabilities where guard.probability is on, "
                "and so long a text"
            )

    def _count_silence(self, reason: str) -> None:
        with self._lock:
            self._silent += 1
            gone = self._silent >= SILENT
        if gone:
            raise ResourceError(
                f"endpoint.base_url={self.config.base_url}: no reply about {SILENT} completions in "
                f"a row, the last for: {reason}; see that the server runs, then run the same "
                "command again: replies so far are kept, and it goes on from there"
            )
