"""What a run trained a measured model on is no held-out text."""

from __future__ import annotations

import pytest

from pipeline.measuring.capability import never_learned
from records.rows import Demonstration, assistant, user

TEXTS = [
    Demonstration(
        id=name, prompt=user(f"Is {name} safe?"), kind="benign", suite="s", source="s",
        licence="MIT", completion=assistant("Yes."),
    )
    for name in ("ibuprofen", "paracetamol")
]  # fmt: skip


def test_texts_of_learned_prompts_are_left_out_and_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert never_learned(TEXTS, {"Is ibuprofen safe?"}) == TEXTS[1:]
    assert "1 held-out texts are left out" in capsys.readouterr().out


def test_without_a_run_all_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert never_learned(TEXTS, set()) == TEXTS
    assert not capsys.readouterr().out
