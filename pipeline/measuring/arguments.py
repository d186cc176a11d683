"""What follows `primum measure` and `primum chat` on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEASURE = (
    "harm, over-refusal and relevance of any model, server or file of completions, without a run"
)
CHAT = "talk to a model, beside its base, with the scorers' verdict under each reply"
_MEASURE_EPILOG = """
examples:
  primum measure smollm2-135m-instruct                           the project's own test prompts
  primum measure org/base --against runs/a/dpo                   side by side; the first is the baseline
  primum measure http://node7:8000/v1 harmful twins              a server that speaks OpenAI's protocol
  primum measure log.jsonl --kind benign                         completions that are there already
  primum measure org/base --against runs/a/dpo --scorer run=runs/a --gate
  primum measure ./model runs/a eval.generation.max_new_tokens=96 model.base.chat_template=chatml

exit codes: 0 done, 2 a mistake, 3 with --gate where a model does not pass
"""
_MODEL = (
    "a directory, a stage of a run (RUN/dpo), a hub id (org/name[@revision]), a server "
    "([NAME@]http://HOST/v1)"
)


def add_measuring(commands: Any, whole_number: Callable[[str], int]) -> None:
    """The options of `primum measure`."""
    measuring = commands.add_parser(
        "measure",
        help=MEASURE,
        description=MEASURE,
        epilog=_MEASURE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    measuring.add_argument(
        "model",
        metavar="MODEL_OR_FILE",
        help=f"{_MODEL}, or a file of completions (JSON Lines, JSON, CSV, Parquet)",
    )
    measuring.add_argument(
        "words",
        metavar="SUITE | key=value",
        nargs="*",
        default=[],
        help=(
            "harmful, twins, patient_questions (default: all three), a suite of eval/suites (NAME "
            "or NAME=PATH), a run or a file of prompts; settings as in eval.confidence=0.9"
        ),
    )
    measuring.add_argument(
        "--against",
        nargs="+",
        action="extend",
        default=[],
        metavar="MODEL_OR_FILE",
        help="further models or files, compared with the first, which is the baseline",
    )
    measuring.add_argument(
        "--scorer",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME[=PATH]",
        help=(
            "besides what ships with Primum (default): run=RUN or reward_model=FOLDER, for "
            "harmfulness from 1 to 5; judge=FILE, a judge, guard model, jury or experts "
            "(docs/judges.md)"
        ),
    )
    _add_prompts(measuring, whole_number)


def _add_prompts(measuring: argparse.ArgumentParser, whole_number: Callable[[str], int]) -> None:
    """Where the result goes, what it decides, and which prompts count."""
    measuring.add_argument(
        "--output",
        type=Path,
        metavar="DIRECTORY",
        help="a new directory (default: runs/measure/...)",
    )
    measuring.add_argument(
        "--gate",
        action="store_true",
        help="exit with 3 where a model does not pass the release gate",
    )
    measuring.add_argument(
        "--limit",
        type=whole_number,
        metavar="N",
        help="at most so many prompts of a suite, at even distances (default: all)",
    )
    measuring.add_argument(
        "--kind",
        choices=("harmful", "benign"),
        help="what the prompts of a file are where it does not say so itself",
    )
    measuring.add_argument(
        "--api-key-env",
        default="",
        metavar="NAME",
        help="the environment variable that holds a server's key",
    )


def add_chatting(commands: Any) -> None:
    """The options of `primum chat`."""
    chatting = commands.add_parser("chat", help=CHAT, description=CHAT)
    chatting.add_argument(
        "model", metavar="RUN_OR_MODEL", help=f"a run (its released policy), {_MODEL}"
    )
    chatting.add_argument(
        "words",
        metavar="key=value",
        nargs="*",
        default=[],
        help="settings, as in eval.generation.max_new_tokens=200",
    )
    chatting.add_argument(
        "--against", metavar="MODEL", help="shown beside it (default: of a run its base, else none)"
    )
    chatting.add_argument(
        "--scorer",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME[=PATH]",
        help="as in primum measure, but for judge=FILE",
    )
    chatting.add_argument(
        "--save",
        type=Path,
        metavar="DIRECTORY",
        help="where /save writes the batch for review (default: chat)",
    )
    chatting.add_argument(
        "--api-key-env",
        default="",
        metavar="NAME",
        help="the environment variable that holds a server's key",
    )
