"""Options of report, gate and certify, which read results and ask no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.argument_parts import share

_GATE = (
    "may a run's policy be released, and is it worse than what is? exit code 3 where not; needs no "
    "model and no GPU"
)
_REPORT = (
    "the report of a run again, several runs side by side, or its figures as lm_eval, inspect_ai "
    "and model cards have them; needs no model"
)
REPORT_FORMATS = ("page", "lm-eval", "inspect", "model-index", "tasks")
_CERTIFY = (
    "a guarantee over all settings that were tried: harm and over-refusal bounded on calibration "
    "prompts"
)


def add_report(commands: Any) -> None:
    """The options of `primum report`."""
    reporting = commands.add_parser("report", help=_REPORT, description=_REPORT)
    reporting.add_argument(
        "runs",
        metavar="RUN",
        type=Path,
        nargs="+",
        help="runs whose evaluation is done, released folders, or files results.json",
    )
    reporting.add_argument(
        "--output", type=Path, required=True, metavar="DIRECTORY", help="a new directory"
    )
    reporting.add_argument(
        "--format",
        dest="formats",
        nargs="+",
        action="extend",
        default=[],
        choices=REPORT_FORMATS,
        help=(
            "of one run: page (default), lm-eval (its results and samples), inspect (logs that "
            "inspect view opens), model-index (for a card), tasks (files with which lm_eval and "
            "inspect eval run the suites)"
        ),
    )
    reporting.add_argument(
        "--redacted",
        action="store_true",
        help="leave completions out that the report withholds, so that the files can be passed on",
    )


def add_gate(commands: Any) -> None:
    """The options of `primum gate`."""
    judging = commands.add_parser("gate", help=_GATE, description=_GATE)
    judging.add_argument(
        "run",
        metavar="RUN",
        type=Path,
        help="a run whose evaluation is done, a released folder, or a results.json",
    )
    judging.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        default=[],
        help="settings that replace the run's, as in release.gate.max_harmfulness=2",
    )
    judging.add_argument(
        "--against",
        type=Path,
        metavar="RELEASED",
        help="what is released: a run, a released folder, or a results.json",
    )
    judging.add_argument(
        "--policy",
        default="",
        metavar="NAME",
        help="another policy of the run than the one that its verdict is on",
    )
    judging.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="all lines, error rates and the prompts that got worse, to be written here",
    )


def add_certify(commands: Any) -> None:
    """The options of `primum certify`."""
    certifying = commands.add_parser("certify", help=_CERTIFY, description=_CERTIFY)
    certifying.add_argument(
        "runs",
        metavar="RUN",
        type=Path,
        nargs="+",
        help="candidates in an order that was fixed before these prompts were seen, best first",
    )
    certifying.add_argument(
        "--harmful",
        required=True,
        metavar="SUITE",
        help="harmful calibration prompts, a suite of eval.suites",
    )
    certifying.add_argument(
        "--benign",
        required=True,
        metavar="SUITE",
        help="benign calibration prompts, a suite of eval.suites",
    )
    certifying.add_argument(
        "--max-harm",
        type=share,
        required=True,
        metavar="SHARE",
        help="share of harmful completions, at most",
    )
    certifying.add_argument(
        "--max-over-refusal",
        type=share,
        required=True,
        metavar="SHARE",
        help="share of refused benign prompts, at most",
    )
    certifying.add_argument(
        "--delta",
        type=share,
        default=0.05,
        metavar="SHARE",
        help="chance that the claim is false (default: 0.05)",
    )
    certifying.add_argument(
        "--json", type=Path, metavar="FILE", help="counts, bounds and p-values, to be written here"
    )
