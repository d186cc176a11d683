"""What follows `primum` on the command line."""

from __future__ import annotations

import argparse
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pipeline.completion import SHELLS, commands_of
from pipeline.measuring.arguments import add_chatting, add_measuring
from pipeline.run.graph import main_policy, trainings
from pipeline.run.rounds import later, parsed
from pipeline.stages import STAGES
from pipeline.starting_arguments import add_starting
from train.config import MOST_ROUNDS

_CHECK = "what would fail, before it is queued; memory and disk that the run takes"
_PLAN = "the stages of a run in order, or with --slurm the jobs that slurm/pipeline.sh submits"
_FETCH = "bring the model and data that the config names on the hub, on a node with internet"
_EXPORT = "a training's newest checkpoint as a verified Hugging Face directory"
_REVIEW_EXPORT = "a batch of scored answers for experts to rate: spreadsheet and Label Studio"
_REVIEW_IMPORT = "experts' ratings back, as labels and pairs, with their agreement"
_JUDGE_REPORT = (
    "every scorer against people, on completions that people labelled: a page and judge_report.json"
)
_GATE = "may a run's policy be released, and is it worse than what is? exit code 3 where not; needs no model and no GPU"
_REPORT = "the report of a run again, several runs side by side, or its figures as lm_eval, inspect_ai and model cards have them; needs no model"
REPORT_FORMATS = ("page", "lm-eval", "inspect", "model-index", "tasks")
_CERTIFY = "a guarantee over all settings that were tried: harm and over-refusal bounded on calibration prompts"
_SEEDS = "one report over the seeds of a recipe that are done: training noise apart from prompt sampling error"
_SEEDS_OPTION = (
    "so many seeds from the config's own on, each in RUN/seed-K, and one report over them"
)
_COMPLETION = "a script by which the shell completes commands, options and settings"
_EPILOG = """
examples:
  primum run configs/demo.yaml                      all stages, from where it stands
  primum run configs/demo.yaml run_dir=runs/b dpo.beta=0.2
  primum config configs/demo.yaml                   the resolved run
  primum eval configs/demo.yaml                     one stage
  primum dpo_2 configs/demo.yaml dpo.rounds=2       one of a later round: sample_2, score_2, pairs_2, dpo_2
  primum check configs/meditron_7b.yaml slurm/dpo_meditron.sh

of a key that is given twice on the command line the last value counts; in a file it is refused
paths in the config may begin with ~ and hold $NAME, as in a shell
a run is readable by its owner alone; PRIMUM_READERS=group lets the group of its files work with it too, as the umask says

exit codes: 0 done, 2 a mistake in config, data or set-up (nothing half-done counts), 3 a release gate is not met,
75 told to stop by SIGUSR1 or the time limit (the same command goes on), 130 interrupted
"""


def parsed_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line, understood. Settings and suites may stand before and after options."""
    commands = parser()
    given = sys.argv[1:] if arguments is None else arguments
    if given and not given[0].startswith("-") and given[0] not in (known := commands_of(commands)):
        close = get_close_matches(given[0], known, n=1)
        meant = f"did you mean {close[0]}?" if close else "`primum --help` lists all there are"
        commands.error(f"{given[0]!r} is no command; {meant}")
    options, rest = commands.parse_known_args(given)
    words = next(
        (getattr(options, name) for name in ("words", "overrides") if hasattr(options, name)), None
    )
    unknown = [word for word in rest if word.startswith("-")] or (rest if words is None else [])
    if unknown:
        commands.error(f"unrecognized arguments: {' '.join(unknown)}")
    (words if words is not None else []).extend(rest)
    return options


class _Version(argparse.Action):
    """Looked up only where it is asked for: reading what is installed takes longer than the help."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"primum {version('primum')}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="primum",
        description="Make a medical language model safe, and prove it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in {
        "run": "all stages in order; finished ones are skipped",
        **{stage.name: stage.help for stage in STAGES.values()},
        "fetch": _FETCH,
        "config": "print the resolved run",
        **{name: "" for name in later(MOST_ROUNDS)},
    }.items():
        shown: dict[str, Any] = (
            {"help": summary} if summary else {}
        )  # later rounds are not listed: the epilogue tells of them
        command = commands.add_parser(
            name, description=summary or f"{parsed(name)[0]}, in round {parsed(name)[1]}", **shown
        )
        _add_run_arguments(command, name)
    exporting = commands.add_parser("export", help=_EXPORT, description=_EXPORT)
    exporting.add_argument(
        "config", metavar="CONFIG", type=Path, help="YAML file that describes the run"
    )
    exporting.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        default=[],
        help="settings that replace the file's",
    )
    exporting.add_argument(
        "--stage",
        default=main_policy(),
        choices=trainings(MOST_ROUNDS),
        metavar="STAGE",
        help=f"a stage that trains a policy: {', '.join(trainings(2))} ... (default: {main_policy()})",
    )
    exporting.add_argument(
        "--output", type=Path, required=True, metavar="DIRECTORY", help="a new directory"
    )
    _add_review(commands)
    planning = commands.add_parser("plan", help=_PLAN, description=_PLAN)
    planning.add_argument(
        "config", metavar="CONFIG", type=Path, help="YAML file that describes the run"
    )
    planning.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        default=[],
        help="settings that replace the file's",
    )
    planning.add_argument(
        "--slurm",
        action="store_true",
        help="a job a line: name, script, variable with its options, stages",
    )
    planning.add_argument(
        "--seeds",
        type=whole_number,
        default=0,
        metavar="N",
        help="with --slurm: the command that submits N seeds as an array",
    )
    gathering = commands.add_parser("seeds", help=_SEEDS, description=_SEEDS)
    gathering.add_argument(
        "run", metavar="RUN", type=Path, help="the folder that holds seed-0, seed-1 ..."
    )
    _add_judge_report(commands)
    add_starting(commands)
    add_measuring(commands, whole_number)
    add_chatting(commands)
    completing = commands.add_parser("completion", help=_COMPLETION, description=_COMPLETION)
    completing.add_argument(
        "shell", choices=SHELLS, help="as in `primum completion bash > FILE`, and FILE sourced"
    )
    _add_gate(commands)
    _add_report(commands)
    _add_certify(commands)
    checking = commands.add_parser("check", help=_CHECK, description=_CHECK)
    checking.add_argument(
        "config", metavar="CONFIG", type=Path, help="YAML file that describes the run"
    )
    checking.add_argument(
        "overrides",
        metavar="SCRIPT | key=value",
        nargs="*",
        default=[],  # not among what is missing where CONFIG is
        help="a Slurm job script, and settings that replace the file's",
    )
    checking.add_argument(
        "--gpu-gb", type=gigabytes, default=80.0, metavar="GB", help="memory of a GPU (default: 80)"
    )
    return root


def _add_run_arguments(command: argparse.ArgumentParser, name: str) -> None:
    """Of the commands that take a config and settings."""
    alone: dict[str, Any] = {"nargs": "?"} if name == "config" else {}
    command.add_argument(
        "config", metavar="CONFIG", type=Path, help="YAML file that describes the run", **alone
    )
    command.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        default=[],
        help="settings that replace the file's, as in dpo.beta=0.2",
    )
    if name == "config":
        command.add_argument(
            "--schema",
            action="store_true",
            help="the JSON schema of a config, by which editors complete and check",
        )
        command.add_argument(
            "--explain",
            metavar="KEY",
            help="type, default, meaning, range and owner of a setting or a block",
        )
    if name == "run":
        command.add_argument(
            "--dry-run",
            action="store_true",
            help="the plan, and what would fail; nothing is started",
        )
        command.add_argument(
            "--seeds", type=whole_number, default=0, metavar="N", help=_SEEDS_OPTION
        )


def _add_review(commands: Any) -> None:
    exporting = commands.add_parser(
        "review-export", help=_REVIEW_EXPORT, description=_REVIEW_EXPORT
    )
    exporting.add_argument(
        "config", metavar="CONFIG", type=Path, help="YAML file that describes the run"
    )
    exporting.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        default=[],
        help="settings that replace the file's",
    )
    exporting.add_argument(
        "--output", type=Path, required=True, metavar="DIRECTORY", help="a new directory"
    )
    exporting.add_argument(
        "--prompts",
        type=whole_number,
        default=40,
        metavar="N",
        help="how many prompts, with all their answers (default: 40)",
    )
    exporting.add_argument(
        "--uncertain",
        type=share,
        default=0.5,
        metavar="SHARE",
        help="of them nearest to the harm threshold; the others at random (default: 0.5)",
    )
    exporting.add_argument(
        "--of",
        default="train",
        choices=("train", "test"),
        help="train: answers to training and validation prompts, to learn from; test: the base's and the final policy's to N test prompts "
        "of each kind at random, by which people correct the evaluation (default: train)",
    )
    exporting.add_argument(
        "--show-scores",
        action="store_true",
        help="let raters see scores and sources (default: blind)",
    )
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


def _add_judge_report(commands: Any) -> None:
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
        help="default (what ships with Primum), run (what the run decides by), rule, reward_model=FOLDER, judge=SETTINGS, "
        "file=SCORES; rule and TF-IDF stand in every report",
    )
    judging.add_argument(
        "--labels",
        nargs="+",
        action="extend",
        required=True,
        metavar="SET=PATH",
        help="what people labelled: do_not_answer, xstest, kqa, hh_rlhf, rewardbench or csv, and where it lies",
    )
    judging.add_argument(
        "--output", type=Path, required=True, metavar="DIRECTORY", help="a new directory"
    )
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
        "--save-completions",
        action="store_true",
        help="write completions.jsonl with the ids that scores made elsewhere need (file=SCORES)",
    )


def _add_report(commands: Any) -> None:
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
        help="of one run: page (default), lm-eval (its results and samples), inspect (logs that inspect view opens), model-index (for a "
        "card), tasks (files with which lm_eval and inspect eval run the suites)",
    )
    reporting.add_argument(
        "--redacted",
        action="store_true",
        help="leave completions out that the report withholds, so that the files can be passed on",
    )


def _add_gate(commands: Any) -> None:
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


def _add_certify(commands: Any) -> None:
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


def count(text: str) -> int:
    if (value := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"wanted 0 or more, got {text}")
    return value


def whole_number(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"wanted 1 or more, got {text}")
    return value


def gigabytes(text: str) -> float:
    if not 0 < (value := float(text)) <= 100_000:
        raise argparse.ArgumentTypeError(f"wanted GB above 0 and at most 100000, got {text}")
    return value


def share(text: str) -> float:
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"wanted a share from 0 to 1, got {text}")
    return value
