"""The command line of what stands before and after a run: `primum init` and `primum push`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_PUSH = (
    "a released model or a run's data to a hub: private unless --public, never a completion of a "
    "harmful prompt"
)
_INIT = "a commented config to start from, and its schema beside it for editors"


def add_starting(commands: Any) -> None:
    """`commands` are the subparsers of the root."""
    _add_push(commands)
    _add_init(commands)


def _add_init(commands: Any) -> None:
    starting = commands.add_parser("init", help=_INIT, description=_INIT)
    starting.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        nargs="?",
        default=Path("run.yaml"),
        help="a new file (default: run.yaml), or - for standard output",
    )
    starting.add_argument(
        "--model",
        metavar="MODEL",
        help="a directory or a hub id (default: asked for on a terminal, else SmolLM2)",
    )
    starting.add_argument(
        "--data", metavar="FILE", help="benign rows of your own, JSON Lines or CSV"
    )


def _add_push(commands: Any) -> None:
    pushing = commands.add_parser("push", help=_PUSH, description=_PUSH)
    pushing.add_argument("run_dir", metavar="RUN", type=Path, help="a run's directory")
    pushing.add_argument("repo", metavar="REPO", help="owner/name on the hub")
    pushing.add_argument(
        "--what",
        default="model",
        choices=("model", "prep", "pairs"),
        help=(
            "the released model; or the run's prompts and demonstrations, or its pairs, as a data "
            "set (default: model)"
        ),
    )
    pushing.add_argument("--public", action="store_true", help="for all to see (default: private)")
    pushing.add_argument("--endpoint", metavar="URL", help="of another hub than huggingface.co")
