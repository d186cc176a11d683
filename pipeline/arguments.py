"""What follows `primum` on the command line."""

from __future__ import annotations

import argparse
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pipeline.argument_parts import add_config, gigabytes, whole_number
from pipeline.completion import SHELLS, commands_of
from pipeline.evidence_arguments import add_certify, add_gate, add_report
from pipeline.measuring.arguments import add_chatting, add_measuring
from pipeline.review_arguments import add_judge_report, add_review
from pipeline.run.graph import main_policy, trainings
from pipeline.run.rounds import later, parsed
from pipeline.stages import STAGES
from pipeline.starting_arguments import add_starting
from train.config import MOST_ROUNDS

_CHECK = "what would fail, before it is queued; memory and disk that the run takes"
_PLAN = "the stages of a run in order, or with --slurm the jobs that slurm/pipeline.sh submits"
_FETCH = "bring the model and data that the config names on the hub, on a node with internet"
_EXPORT = "a training's newest checkpoint as a verified Hugging Face directory"
_SEEDS = (
    "one report over the seeds of a recipe that are done: training noise apart from prompt "
    "sampling error"
)
_SEEDS_OPTION = (
    "so many seeds from the config's own on, each in RUN/seed-K, and one report over them"
)
_COMPLETION = "a script by which the shell completes commands, options and settings"
_EPILOG = """
to start:
  primum measure org/model                          how harmful and how over-cautious is it? no config, no training
  primum chat org/model                             talk to it, with the scorers' verdict
  primum run configs/tiny.yaml                      all stages on a nonsense model: does the set-up work?
  primum init mine.yaml && primum check mine.yaml   a commented config of your own, and what would fail

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
    # Before argparse, whose own message lists every command and guesses none.
    if given and not given[0].startswith("-") and given[0] not in (known := commands_of(commands)):
        close = get_close_matches(given[0], known, n=1)
        meant = f"did you mean {close[0]}?" if close else "`primum --help` lists all there are"
        commands.error(f"{given[0]!r} is no command; {meant}")
    # parse_known_args, since argparse gives up on positional words that come after an option.
    options, rest = commands.parse_known_args(given)
    words = next(
        (getattr(options, name) for name in ("words", "overrides") if hasattr(options, name)), None
    )
    # Words without a dash are settings or suites; a dash can only be a slip.
    unknown = [word for word in rest if word.startswith("-")] or (rest if words is None else [])
    if unknown:
        commands.error(f"unrecognized arguments: {' '.join(unknown)}")
    # Settings may stand behind options; argparse would hand them to no list.
    (words if words is not None else []).extend(rest)
    return options


class _Version(argparse.Action):
    """Looked up only where it is asked for: reading what is installed takes longer than the
    help.
    """

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"primum {version('primum')}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Every command with its options; `--help` lists them in this order."""
    root = argparse.ArgumentParser(
        prog="primum",
        description="Make a medical language model safe, and prove it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_stages(commands)
    _add_export(commands)
    add_review(commands)
    _add_plan(commands)
    gathering = commands.add_parser("seeds", help=_SEEDS, description=_SEEDS)
    gathering.add_argument(
        "run", metavar="RUN", type=Path, help="the folder that holds seed-0, seed-1 ..."
    )
    add_judge_report(commands)
    add_starting(commands)
    # Handed in, as that module must not import this one, which imports it.
    add_measuring(commands, whole_number)
    add_chatting(commands)
    completing = commands.add_parser("completion", help=_COMPLETION, description=_COMPLETION)
    completing.add_argument(
        "shell", choices=SHELLS, help="as in `primum completion bash > FILE`, and FILE sourced"
    )
    add_gate(commands)
    add_report(commands)
    add_certify(commands)
    _add_check(commands)
    return root


def _add_stages(commands: Any) -> None:
    """`run`, every stage, and the two commands that take the same words."""
    summaries = {
        "run": "all stages in order; finished ones are skipped",
        # From the stages' own declarations: a new stage has a command without a line here.
        **{stage.name: stage.help for stage in STAGES.values()},
        "fetch": _FETCH,
        "config": "print the resolved run",
        **{name: "" for name in later(MOST_ROUNDS)},
    }
    for name, summary in summaries.items():
        # Later rounds are not listed: the epilogue tells of them.
        shown: dict[str, Any] = {"help": summary} if summary else {}
        command = commands.add_parser(
            name, description=summary or f"{parsed(name)[0]}, in round {parsed(name)[1]}", **shown
        )
        _add_run_arguments(command, name)


def _add_export(commands: Any) -> None:
    exporting = commands.add_parser("export", help=_EXPORT, description=_EXPORT)
    add_config(exporting)
    exporting.add_argument(
        "--stage",
        default=main_policy(),
        choices=trainings(MOST_ROUNDS),
        metavar="STAGE",
        help=(
            f"a stage that trains a policy: {', '.join(trainings(2))} ... (default: "
            f"{main_policy()})"
        ),
    )
    exporting.add_argument(
        "--output", type=Path, required=True, metavar="DIRECTORY", help="a new directory"
    )


def _add_plan(commands: Any) -> None:
    planning = commands.add_parser("plan", help=_PLAN, description=_PLAN)
    add_config(planning)
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


def _add_check(commands: Any) -> None:
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


def _add_run_arguments(command: argparse.ArgumentParser, name: str) -> None:
    """Of the commands that take a config and settings."""
    # `primum config` needs no file for --schema and --explain.
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
