"""The command: `primum`, or `python -m primum`."""

from __future__ import annotations

import sys

from primum.rooms_path import find_rooms


def main() -> int:
    """What `primum` does; its exit code."""
    find_rooms()
    from pipeline.cli import main as run  # noqa: PLC0415  a wheel's rooms must be found first

    return run()


if __name__ == "__main__":
    sys.exit(main())
