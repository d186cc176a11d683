"""primum: one command a stage, one for all of them."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from pathlib import Path
from typing import Any

from pipeline.run.console import complain, show
from pipeline.run.rounds import later, parsed
from pipeline.stages import STAGES
from records.errors import PreemptedError, PrimumError
from train.config import MOST_ROUNDS
from train.engine.preemption_signal import leave_marker, listen, stop_listening

_CHECK = "what would fail, before it is queued; memory and disk that the run takes"
_FETCH = "bring the model and data that the config names on the hub, on a node with internet"
_EXPORT = "a training's newest checkpoint as a verified Hugging Face directory"
_REVIEW_EXPORT = "a batch of scored answers for experts to rate: spreadsheet and Label Studio"
_REVIEW_IMPORT = "experts' ratings back, as labels and pairs, with their agreement"
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

exit codes: 0 done, 2 a mistake in config, data or set-up (nothing half-done counts), 3 a release gate is not met,
75 told to stop by SIGUSR1 or the time limit (the same command goes on), 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="primum",
        description="Make a medical language model safe, and prove it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in {
        "run": "all stages in order; finished ones are skipped",
        **STAGES,
        "fetch": _FETCH,
        "config": "print the resolved run",
        **{name: "" for name in later(MOST_ROUNDS)},
    }.items():
        shown: dict[str, Any] = {"help": summary} if summary else {}  # later rounds are not listed: the epilogue tells of them
        command = commands.add_parser(name, description=summary or f"{parsed(name)[0]}, in round {parsed(name)[1]}", **shown)
        command.add_argument("config", metavar="CONFIG", type=Path, help="YAML file that describes the run")
        command.add_argument("overrides", metavar="key=value", nargs="*", help="settings that replace the file's, as in dpo.beta=0.2")
    exporting = commands.add_parser("export", help=_EXPORT, description=_EXPORT)
    exporting.add_argument("config", metavar="CONFIG", type=Path, help="YAML file that describes the run")
    exporting.add_argument("overrides", metavar="key=value", nargs="*", help="settings that replace the file's")
    trainings = ["sft", "dpo", *(name for name in later(MOST_ROUNDS) if name.startswith("dpo")), "sft_control"]
    exporting.add_argument(
        "--stage", default="dpo", choices=trainings, metavar="STAGE", help="sft, dpo (default), dpo_2 ... or sft_control"
    )
    exporting.add_argument("--output", type=Path, required=True, metavar="DIRECTORY", help="a new directory")
    _add_review(commands)
    checking = commands.add_parser("check", help=_CHECK, description=_CHECK)
    checking.add_argument("config", metavar="CONFIG", type=Path, help="YAML file that describes the run")
    checking.add_argument(
        "overrides", metavar="SCRIPT | key=value", nargs="*", help="a Slurm job script, and settings that replace the file's"
    )
    checking.add_argument("--gpu-gb", type=float, default=80.0, metavar="GB", help="memory of a GPU (default: 80)")
    return root


def _add_review(commands: Any) -> None:
    exporting = commands.add_parser("review-export", help=_REVIEW_EXPORT, description=_REVIEW_EXPORT)
    exporting.add_argument("config", metavar="CONFIG", type=Path, help="YAML file that describes the run")
    exporting.add_argument("overrides", metavar="key=value", nargs="*", help="settings that replace the file's")
    exporting.add_argument("--output", type=Path, required=True, metavar="DIRECTORY", help="a new directory")
    exporting.add_argument(
        "--prompts", type=whole_number, default=40, metavar="N", help="how many prompts, with all their answers (default: 40)"
    )
    exporting.add_argument(
        "--uncertain",
        type=share,
        default=0.5,
        metavar="SHARE",
        help="of them nearest to the harm threshold; the others at random (default: 0.5)",
    )
    exporting.add_argument("--show-scores", action="store_true", help="let raters see scores and sources (default: blind)")
    importing = commands.add_parser("review-import", help=_REVIEW_IMPORT, description=_REVIEW_IMPORT)
    importing.add_argument("config", metavar="CONFIG", type=Path, help="YAML file that describes the run")
    importing.add_argument(
        "overrides", metavar="FILE | key=value", nargs="+", help="Label Studio's JSON or CSV exports, or filled-in batch.csv"
    )
    importing.add_argument("--batch", type=Path, required=True, metavar="DIRECTORY", help="what review-export wrote")
    importing.add_argument("--output", type=Path, required=True, metavar="DIRECTORY", help="a new directory")


def whole_number(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"wanted 1 or more, got {text}")
    return value


def share(text: str) -> float:
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"wanted a share from 0 to 1, got {text}")
    return value


def main(arguments: list[str] | None = None) -> int:
    listen()
    options = parser().parse_args(arguments)
    try:
        return _dispatch(options)
    except PreemptedError as error:
        leave_marker()
        if os.environ.get("SLURM_PROCID", os.environ.get("RANK", "0")) == "0":
            complain(error.faults)
        return error.exit_code
    except PrimumError as error:
        complain(error.faults)
        return error.exit_code
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        where = error.filename or options.config
        complain([f"{where}: {error.strerror}; {_DISK_ERRORS[error.errno]} or set run_dir elsewhere; run the command again to go on"])
        return 2
    except (KeyboardInterrupt, SystemExit) as error:
        # Lightning turns Ctrl-C into exit(1) while it trains.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, KeyboardInterrupt):
            raise
        complain(["interrupted; run the same command again to go on"])
        return 130
    finally:
        stop_listening()


_DISK_ERRORS = {
    errno.EACCES: "grant access",
    errno.EPERM: "grant access",
    errno.ENOSPC: "free some room",
    errno.EDQUOT: "free some room",
    errno.EROFS: "make it writable",
}
"""What the disk may answer, and what the user can do."""


def _dispatch(options: argparse.Namespace) -> int:
    command, path, overrides = options.command, options.config, options.overrides
    from pipeline.run.config import load_config, to_yaml
    from pipeline.run.settings_file import replaced

    for note in replaced([word for word in overrides if "=" in word]):
        complain([f"note: {note}"])
    if command == "check":
        return _check(path, overrides, options.gpu_gb)
    if command == "review-import":
        return _review_import(options)
    config = load_config(path, overrides)
    if command == "config":
        print(to_yaml(config), end="")
        return 0
    if command == "export":
        from pipeline.commands.export import export

        export(config, options.stage, options.output)
        return 0
    if command == "review-export":
        from pipeline.commands.review import export_batch

        export_batch(config, options.output, prompts=options.prompts, uncertain=options.uncertain, show_scores=options.show_scores)
        return 0
    if command == "fetch":
        os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "0"  # asked for, whatever the profile says
        from pipeline.commands.fetch import fetch

        fetch(config)
        return 0
    # Offline unless the config names something on the hub, and never telemetry.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from pipeline.run.ranks import own_rank
    from pipeline.run.runner import leave_run, run, run_one
    from records.stage_folder import locked

    rank = own_rank(config.trainer)
    if command == "run" and rank:
        leave_run(rank)
        return 0
    if rank or os.environ.get("PRIMUM_IN_RUN"):
        run_one(command, config)
        return 0
    with locked(Path(config.run_dir)):
        if command == "run":
            run(config, [str(path), *overrides])
        else:
            run_one(command, config)
    return 0


def _review_import(options: argparse.Namespace) -> int:
    from pipeline.run.config import load_config

    files = [Path(word) for word in options.overrides if "=" not in word]
    if not files:
        raise PrimumError("no file to read ratings from; name Label Studio's exports or filled-in copies of batch.csv")
    config = load_config(options.config, [word for word in options.overrides if "=" in word])
    from pipeline.commands.review import import_ratings

    import_ratings(config, files, options.batch, options.output)
    return 0


def _check(path: Path, words: list[str], gpu_gb: float) -> int:
    from pipeline.run.config import load_config

    scripts = [Path(word) for word in words if "=" not in word]
    if len(scripts) > 1:
        raise PrimumError(f"got {len(scripts)} job scripts ({', '.join(map(str, scripts))}), wanted one at most")
    config = load_config(path, [word for word in words if "=" in word])
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from pipeline.commands.check import check

    show(check(config, scripts[0] if scripts else None, gpu_gb))
    show(["nothing that would fail was found"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
