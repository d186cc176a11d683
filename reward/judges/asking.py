"""A journal, a replier and the replies kept so far, opened together for one call of a scorer and
closed after it.

Between two calls no file is open and no model loaded, so that another scorer of the same process
may use the same replies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from reward.judges.endpoint import Endpoint, Wait, waited
from reward.judges.guard_formats import GuardFormat
from reward.judges.journal import Journal
from reward.judges.openai_client import key_of, openai_library
from reward.judges.replies import KeptReplies
from reward.judges.reports import Account, AskingRow
from reward.judges.settings import EndpointConfig, LocalModelConfig
from reward.judges.spending import Spending


class Asking(Protocol):
    def opened(self) -> Any:
        """A context manager of KeptReplies."""
        ...

    def row(self) -> AskingRow:
        """What asking has taken so far, for a report; no address and no secret."""
        ...


class AskEndpoint:
    """Raises ConfigError without the key and ResourceError without the client, before anything
    is asked."""

    def __init__(
        self,
        config: EndpointConfig,
        path: Path,
        *,
        wait: Wait = waited,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # Both now, though only `opened` needs them: a missing package or key must not show after an
        # hour of another scorer's work.
        openai_library()
        key_of(config)
        self._config, self._path = config, path
        self._wait, self._clock = wait, clock
        self._account: Account = {}
        self._repeated = self._found = 0

    @contextmanager
    def opened(self) -> Iterator[KeptReplies]:
        """Replies of the endpoint, with those that the journal holds."""
        # First: the account begins with the rows of earlier runs.
        with closing(Journal(self._path)) as journal:
            spending = Spending(self._config.budget, journal)
            with closing(
                Endpoint(self._config, spending, wait=self._wait, clock=self._clock)
            ) as endpoint:
                replies = KeptReplies(endpoint, journal)
                try:
                    yield replies
                finally:
                    self._repeated += endpoint.repeated
                    self._found += replies.found
                    # After failures too: what was sent has been paid for.
                    self._account = account(spending, self._config)

    def row(self) -> AskingRow:
        """What was asked and what it cost, for the report."""
        return {
            "model": self._config.model,
            **self._account,
            "sent_again": self._repeated,
            "answered_by_kept_replies": self._found,
        }


def account(spending: Spending, config: EndpointConfig) -> Account:
    """Of the whole journal, earlier runs included. Requests without a word about their cost
    count as the most they can have cost."""
    spent = spending.spent()
    return {
        "requests": spent.requests,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "requests_of_unknown_cost": spent.unknown,
        "cost": spending.cost(),
        "input_price": config.budget.input_price,
        "output_price": config.budget.output_price,
    }


class AskLocal:
    def __init__(
        self, config: LocalModelConfig, path: Path, *, guard: GuardFormat | None = None
    ) -> None:
        self._config, self._path, self._guard = config, path, guard
        self._found = 0

    @contextmanager
    def opened(self) -> Iterator[KeptReplies]:
        """Replies of a local model, with those that the journal holds."""
        # torch and transformers are for a judge that runs here; an endpoint needs neither.
        from reward.judges.local import LocalModel  # noqa: PLC0415

        with closing(Journal(self._path)) as journal:
            replies = KeptReplies(
                LocalModel(self._config, guard=self._guard, log=self._path.with_suffix(".log")),
                journal,
            )
            try:
                yield replies
            finally:
                self._found += replies.found

    def row(self) -> AskingRow:
        """What was asked, for the report."""
        return {"model": self._config.model.path, "answered_by_kept_replies": self._found}
