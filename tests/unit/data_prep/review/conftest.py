"""Fixtures that several files of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from review_ratings import ITEMS

from data_prep.review.review_files import write_batch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_batch(tmp_path / "batch", ITEMS, principles={1: "one"}, show_scores=False, provenance={})
    return tmp_path / "batch"
