"""What asking has cost, and whether another request may be sent: counted before it is sent, so
that a cap is never passed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reward.judges.journal import Journal
from reward.judges.journal_rows import SentRow, SettledRow
from reward.judges.settings import BudgetConfig

MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Requests and tokens. Those without a word from the server about what they took count as
    the most that they can have taken."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    unknown: int = 0
    """Requests without such a word: killed, timed out, cut off."""


class Spending:
    """The account of one judge, kept in its journal: a row before each request with the most
    that it can take, and one after it."""

    def __init__(self, budget: BudgetConfig, journal: Journal) -> None:
        self._budget = budget
        self._journal = journal
        self._changed = threading.Condition()
        self._requests = self._input = self._output = 0
        self._unsettled: dict[int, tuple[int, int]] = {}
        """The most that each such request can have taken, read and written, by its number."""
        # Earlier runs count: the cap is on the file of replies, however often it is resumed.
        for row in journal.rows:
            self._take(row)
        # Their process is gone: waiting for its word would be for ever.
        self._lost = set(self._unsettled)
        """Of these, the ones that no word will come about."""

    def begin(self, input_tokens: int, output_tokens: int) -> int | None:
        """The number of a request that may be sent and takes at most this; None where the budget
        has no room for it.

        Waits for requests under way whose true numbers may leave room.
        """
        with self._changed:
            while not self._fits(input_tokens, output_tokens, self._unsettled):
                lost = {number: self._unsettled[number] for number in self._lost}
                # Nothing is under way whose number could still fall, or even that would leave no
                # room.
                if len(lost) == len(self._unsettled) or not self._fits(
                    input_tokens, output_tokens, lost
                ):
                    return None
                self._changed.wait()
            number = self._requests + 1
            row: SentRow = {
                "sent": number,
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
            }
            # On the disk before the request is sent: killed in between, it counts as spent.
            self._journal.append(row)
            self._take(row)
            return number

    def settle(self, number: int, input_tokens: int, output_tokens: int) -> None:
        """The server has said what it took; 0 for a request that it turned down."""
        row: SettledRow = {
            "settled": number,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
        }
        with self._changed:
            self._journal.append(row, durable=False)  # lost, it leaves the cost too high
            self._take(row)
            self._changed.notify_all()

    def lose(self, number: int) -> None:
        """The server will not say what it took."""
        with self._changed:
            self._lost.add(number)
            self._changed.notify_all()

    def spent(self) -> Spent:
        """What replies have taken so far."""
        with self._changed:
            read, written = self._sums(self._unsettled)
            return Spent(
                requests=self._requests,
                input_tokens=read,
                output_tokens=written,
                unknown=len(self._unsettled),
            )

    def cost(self) -> float | None:
        """None without prices."""
        spent = self.spent()
        return self._price(spent.input_tokens, spent.output_tokens)

    def _sums(self, unsettled: dict[int, tuple[int, int]]) -> tuple[int, int]:
        read = sum(tokens for tokens, _ in unsettled.values())
        written = sum(tokens for _, tokens in unsettled.values())
        return self._input + read, self._output + written

    def _price(self, input_tokens: int, output_tokens: int) -> float | None:
        budget = self._budget
        if budget.input_price is None or budget.output_price is None:
            return None
        return (input_tokens * budget.input_price + output_tokens * budget.output_price) / MILLION

    def _fits(
        self, input_tokens: int, output_tokens: int, unsettled: dict[int, tuple[int, int]]
    ) -> bool:
        read, written = self._sums(unsettled)
        read, written = read + input_tokens, written + output_tokens
        budget, cost = self._budget, self._price(read, written)
        return (
            (budget.requests is None or self._requests < budget.requests)
            and (budget.tokens is None or read + written <= budget.tokens)
            # A cap on cost has prices (BudgetConfig), so `cost` is None only without one.
            and (budget.cost is None or cost is None or cost <= budget.cost)
        )

    def _take(self, row: Mapping[str, Any]) -> None:
        if "sent" in row:
            self._requests += 1
            self._unsettled[int(row["sent"])] = int(row["input_tokens"]), int(row["output_tokens"])
        elif "settled" in row and self._unsettled.pop(int(row["settled"]), None) is not None:
            self._input += int(row["input_tokens"])
            self._output += int(row["output_tokens"])
