"""The rooms of the source tree, and their files."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = {
    "records": 0,
    "measures": 1,
    "data_prep": 2,
    "models": 2,
    "train": 3,
    "reward": 4,
    "eval": 5,
    "pipeline": 6,
    "primum": 7,
}


def sources() -> list[Path]:
    return [path for package in FLOORS for path in sorted((ROOT / package).rglob("*.py"))]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def inside(file: str, room: str) -> bool:
    return file.startswith(room.replace(".", "/") + "/")
