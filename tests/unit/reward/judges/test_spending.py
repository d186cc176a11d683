"""Budgets are counted before a request and settled after it, over resumed runs together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from present import present

from reward.judges.journal import Journal
from reward.judges.journal_rows import ReplyRow
from reward.judges.settings import BudgetConfig
from reward.judges.spending import Spending, Spent


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Callable[..., Spending]]:
    opened: list[Journal] = []

    def make(**budget: Any) -> Spending:
        for journal in opened:
            journal.close()
        opened[:] = [Journal(tmp_path / "one.jsonl")]
        return Spending(BudgetConfig(**budget), opened[0])

    yield make
    for journal in opened:
        journal.close()


def test_a_worked_account(account: Callable[..., Spending]) -> None:
    """Two requests: 1000 read and 100 written, then one that is lost and counts as its most, 500
    and 50.

    1500 read at 2 a million and 150 written at 20 a million: 0.003 + 0.003.
    """
    one = account(input_price=2.0, output_price=20.0)
    one.settle(present(one.begin(4000, 400)), 1000, 100)
    one.lose(present(one.begin(500, 50)))
    assert one.spent() == Spent(requests=2, input_tokens=1500, output_tokens=150, unknown=1)
    assert one.cost() == pytest.approx(0.006)


def test_a_request_that_was_turned_down_costs_a_request_and_no_tokens(
    account: Callable[..., Spending],
) -> None:
    one = account(tokens=1000)
    one.settle(present(one.begin(900, 50)), 0, 0)
    assert one.spent() == Spent(requests=1)
    assert one.begin(900, 50) is not None


def test_what_a_killed_process_had_under_way_counts_when_it_is_resumed(
    account: Callable[..., Spending],
) -> None:
    account(tokens=1000).begin(600, 100)
    again = account(tokens=1000)
    assert again.spent() == Spent(requests=1, input_tokens=600, output_tokens=100, unknown=1)
    assert again.begin(300, 50) is None
    assert again.begin(200, 50) == 2


def test_a_cap_of_nothing_lets_nothing_through(account: Callable[..., Spending]) -> None:
    assert account(requests=0).begin(1, 1) is None
    assert account(cost=0.0, input_price=1.0, output_price=1.0).begin(1, 1) is None


def test_without_prices_there_is_no_cost(account: Callable[..., Spending]) -> None:
    one = account()
    one.begin(10**9, 10**9)
    assert one.cost() is None


def test_one_waits_for_another_under_way_that_may_leave_room(
    account: Callable[..., Spending],
) -> None:
    """Ten times as much is set aside for the first as it takes, and the second fits only then."""
    one = account(tokens=1000)
    first = one.begin(900, 0)
    numbers: list[int | None] = []
    second = threading.Thread(target=lambda: numbers.append(one.begin(500, 0)))
    second.start()
    one.settle(present(first), 90, 10)
    second.join(120)
    assert numbers == [2]


def test_one_does_not_wait_for_what_is_lost_or_can_never_fit(
    account: Callable[..., Spending],
) -> None:
    one = account(tokens=1000)
    assert one.begin(2000, 0) is None
    number = one.begin(900, 0)
    one.lose(present(number))
    assert one.begin(500, 0) is None


def test_rows_of_replies_are_none_of_its_business(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "one.jsonl")) as journal:
        reply: ReplyRow = {
            "reply": "key",
            "text": "x",
            "cut": False,
            "input_tokens": 9,
            "output_tokens": 1,
        }
        journal.append(reply)
        journal.rows.append({"reply": "key"})
        assert Spending(BudgetConfig(), journal).spent() == Spent()
