"""What several commands take: the config with its settings, and the types of values."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_config(command: argparse.ArgumentParser) -> None:
    """The file that describes a run, and the settings that replace the file's."""
    command.add_argument(
        "config", metavar="CONFIG", type=Path, help="YAML file that describes the run"
    )
    command.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        default=[],
        help="settings that replace the file's",
    )


def count(text: str) -> int:
    """A whole number from 0 on."""
    if (value := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"wanted 0 or more, got {text}")
    return value


def whole_number(text: str) -> int:
    """A whole number from 1 on."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"wanted 1 or more, got {text}")
    return value


def gigabytes(text: str) -> float:
    """An amount of memory above 0."""
    # Written so that NaN fails too: it compares with nothing.
    if not 0 < (value := float(text)) <= 100_000:
        raise argparse.ArgumentTypeError(f"wanted GB above 0 and at most 100000, got {text}")
    return value


def share(text: str) -> float:
    """A number from 0 to 1."""
    # As above: a share of NaN would pass `value < 0 or value > 1`.
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"wanted a share from 0 to 1, got {text}")
    return value
