"""What test_sources_public.py and test_sources_crowdworkers.py are made with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from records.errors import RecordError
from records.rows import Demonstration

Read = Callable[..., list[Demonstration]]


def faults_of(read: Read, source_format: str, path: Path) -> list[str]:
    with pytest.raises(RecordError) as caught:
        read(source_format, path)
    return [fault.removeprefix(f"{path}/").removeprefix(f"{path}") for fault in caught.value.faults]


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def lines(path: Path, *rows: Any) -> Path:
    return write(path, "".join(f"{json.dumps(row)}\n" for row in rows))
