"""What the user reads."""

from __future__ import annotations

import pytest

from pipeline.run.console import complain


def test_every_fault_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    complain(["one", "two"])
    assert capsys.readouterr().err == "primum: one\nprimum: two\n"
