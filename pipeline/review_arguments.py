"""Options of review-export, review-import and judge-report, which bring people and scorers
together.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipeline.argument_parts import add_config, count, share, whole_number

_REVIEW_EXPORT = "a batch of scored completions for experts to rate: spreadsheet and Label Studio"
_REVIEW_IMPORT = "experts' ratings back, as labels and pairs, with their agreement"
_JUDGE_REPORT = (
    "every scorer against people, on completions that people labelled: a page and judge_report.json"
)


def add_review(commands: Any) -> None:
    """The two commands of a review by experts."""
    _add_review_export(commands)
    _add_review_import(commands)


def _add_review_export(commands: Any) -> None:
    exporting = commands.add_parser(
        "review-export", help=_REVIEW_EXPORT, description=_REVIEW_EXPORT
    )
    add_config(exporting)
    exporting.add_argument(
        "--output", type=Path, required=True, metavar="DIRECTORY", help="a new directory"
    )
    exporting.add_argument(
        "--prompts",
        type=whole_number,
        default=40,
        metavar="N",
        help="how many prompts, with all their completions (default: 40)",
    )
    exporting.add_argument(
        "--uncertain",
        type=share,
        default=0.5,
        metavar="SHARE",
        help="of them nearest to the harm threshold; the others at random (default: 0.5)",
    )
    exporting.add_argument(
        "--abstained",
        type=count,
        default=40,
        metavar="N",
        help=(
            "at most N further completions on which the scorers abstain, before all others "
            "(default: 40)"
        ),
    )
    exporting.add_argument(
        "--of",
        default="train",
        choices=("train", "test"),
        help=(
            "train: completions to training and validation prompts, to learn from; test: the "
            "base's and the final policy's to N test prompts of each kind at random, by which "
            "people correct the evaluation (default: train)"
        ),
    )
    exporting.add_argument(
        "--show-scores",
        action="store_true",
        help="let raters see scores and sources (default: blind)",
    )


def _add_review_import(commands: Any) -> None:
    importing = commands.add_parser(
        "review-import", help=_REVIEW_IMPORT, description=_REVIEW_IMPORT
    )
    importing.add_argument(
        "config", metavar="CONFIG", type=Path, help="YAML file that describes the run"
    )
    importing.add_argument(
        "overrides",
        metavar="FILE | key=value",
        nargs="+",
        help="Label Studio's JSON or CSV exports, or filled-in batch.csv",
    )
    importing.add_argument(
        "--batch", type=Path, required=True, metavar="DIRECTORY", help="what review-export wrote"
    )
    importing.add_argument(
        "--output", type=Path, required=True, metavar="DIRECTORY", help="a new directory"
    )


def add_judge_report(commands: Any) -> None:
    """The options of `primum judge-report`."""
    judging = commands.add_parser("judge-report", help=_JUDGE_REPORT, description=_JUDGE_REPORT)
    judging.add_argument(
        "config",
        metavar="CONFIG",
        type=Path,
        help="YAML file that describes the run: its scorers, device and float type",
    )
    judging.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        default=[],
        help="settings that replace the file's",
    )
    judging.add_argument(
        "--scorer",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME[=PATH]",
        help=(
            "default (what ships with Primum), guessing and dropout (versions of it), run (what "
            "the run decides by), rule, reward_model=FOLDER, judge=SETTINGS, file=SCORES; rule and "
            "TF-IDF stand in every report"
        ),
    )
    judging.add_argument(
        "--labels",
        nargs="+",
        action="extend",
        required=True,
        metavar="SET=PATH",
        help=(
            "what people labelled: do_not_answer, xstest, kqa, hh_rlhf, rewardbench or csv, and "
            "where it lies"
        ),
    )
    judging.add_argument(
        "--output", type=Path, required=True, metavar="DIRECTORY", help="a new directory"
    )
    _add_comparing(judging)


def _add_comparing(judging: argparse.ArgumentParser) -> None:
    """How the scorers are compared, and what is written besides."""
    judging.add_argument(
        "--resamples",
        type=whole_number,
        default=1000,
        metavar="N",
        help="draws of prompts an interval (default: 1000)",
    )
    judging.add_argument(
        "--refits",
        type=count,
        default=50,
        metavar="N",
        help="draws for which TF-IDF is fitted again (default: 50; 0: no interval)",
    )
    judging.add_argument(
        "--in-domain",
        default="",
        metavar="SET",
        help="a set whose kind the scorers know: are they less certain on the others?",
    )
    judging.add_argument(
        "--ablate",
        action="store_true",
        help="score also with the prompt alone and with the completion alone (a leak test)",
    )
    judging.add_argument(
        "--audit",
        action="store_true",
        help=(
            "score also our own probes: swapped prompts, echoes, loops, constants, the weather, "
            "unsafe advice"
        ),
    )
    judging.add_argument(
        "--save-completions",
        action="store_true",
        help="write completions.jsonl with the ids that scores made elsewhere need (file=SCORES)",
    )
