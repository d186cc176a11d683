"""What test_sources.py and test_sources_jsonl.py are made with."""

from __future__ import annotations

from pathlib import Path

from data_prep.config import SourceConfig


def jsonl(path: Path, *lines: str, **fields: object) -> SourceConfig:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return SourceConfig(name="mine", format="jsonl", path=str(path), **fields)  # type: ignore[arg-type]
