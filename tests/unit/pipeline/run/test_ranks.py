"""Ranks that srun starts together: the others wait for rank 0's word, and share work without
talking.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.run import ranks
from records.errors import ResourceError
from train.config import TrainerConfig

TWO = TrainerConfig(devices=2)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def launch(job: str, restart: str = "0") -> None:
        monkeypatch.setenv("SLURM_JOB_ID", job)
        monkeypatch.setenv("SLURM_STEP_ID", "0")
        monkeypatch.setenv("SLURM_RESTART_COUNT", restart)

    for name in ranks.LAUNCH:
        monkeypatch.delenv(name, raising=False)
    return launch


@pytest.mark.parametrize("work", [True, False])
def test_another_rank_does_what_rank_0_says(
    launched: Callable[..., None], tmp_path: Path, work: bool
) -> None:
    launched("7")
    ranks.announce(tmp_path / "sft", work=work)
    assert ranks.wanted(tmp_path / "sft") is work


def test_the_word_of_an_earlier_start_does_not_count(
    launched: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched("7")
    ranks.announce(tmp_path / "sft", work=True)
    launched("7", restart="1")
    monkeypatch.setattr(ranks, "WAIT_SECONDS", 0.0)
    with pytest.raises(ResourceError, match="rank 0 did not say"):
        ranks.wanted(tmp_path / "sft")


def test_without_a_launcher_nobody_waits(launched: Callable[..., None], tmp_path: Path) -> None:
    ranks.announce(tmp_path / "sft", work=True)
    assert ranks.wanted(tmp_path / "sft")
    assert not list(tmp_path.iterdir())
    assert ranks.share(0, TWO) == ranks.Share(0, 1)


def test_shares_are_all_items_once(launched: Callable[..., None]) -> None:
    launched("7")
    parts = [ranks.share(rank, TWO).of(range(7)) for rank in (0, 1)]
    assert parts == [[0, 2, 4, 6], [1, 3, 5]]


def test_rank_0_waits_for_every_part(launched: Callable[..., None], tmp_path: Path) -> None:
    launched("7")
    assert ranks.share(1, TWO).hand_in(tmp_path) is False
    assert ranks.share(0, TWO).hand_in(tmp_path) is True
    launched("7", restart="1")  # marks of the last start do not count
    late = threading.Timer(0.3, lambda: ranks.share(1, TWO).hand_in(tmp_path))
    late.start()
    assert ranks.share(0, TWO).hand_in(tmp_path) is True
    assert len(list(tmp_path.glob("*.done"))) == 4


def test_a_part_that_never_comes_is_named(
    launched: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched("7")
    monkeypatch.setattr(ranks, "WAIT_SECONDS", 0.0)
    with pytest.raises(ResourceError, match=r"ranks \[1\] did not hand in"):
        ranks.share(0, TWO).hand_in(tmp_path)
