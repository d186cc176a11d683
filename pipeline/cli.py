"""primum: one command a stage, one for all of them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.arguments import parsed_options
from pipeline.cli_without_run import command_without_config, offline
from pipeline.run.console import complain, show
from pipeline.run.disk_faults import disk_fault
from records.errors import PreemptedError, PrimumError
from train.engine.preemption_signal import leave_marker, listen, stop_listening

if TYPE_CHECKING:
    from pipeline.run.config import RunConfig


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    # First of all: SIGUSR1 during the imports would kill Python before anything is saved.
    listen()
    options = parsed_options(arguments)
    try:
        return _dispatch(options)
    except PreemptedError as error:
        # The job script asks for this file, to know that the job may be queued again.
        leave_marker()
        # One rank speaks: all of them were stopped, and each would print the same line.
        if os.environ.get("SLURM_PROCID", os.environ.get("RANK", "0")) == "0":
            complain(error.faults)
        return error.exit_code
    except PrimumError as error:
        complain(error.faults)
        return error.exit_code
    except OSError as error:
        # A full disk or a quota is the user's to mend; any other OSError is a fault of ours and
        # keeps its traceback.
        fault = disk_fault(error, Path(getattr(options, "run_dir", "run_dir")))
        if not fault:
            raise
        complain([fault])
        return 2
    except (KeyboardInterrupt, SystemExit) as error:
        # Lightning turns Ctrl-C into exit(1) while it trains.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, KeyboardInterrupt):
            raise
        complain(["interrupted; run the same command again to go on"])
        return 130
    finally:
        # Tests and notebooks call main more than once in one process.
        stop_listening()


def _dispatch(options: argparse.Namespace) -> int:
    if found := command_without_config(options):
        return found(options)
    command, path, overrides = options.command, options.config, options.overrides
    from pipeline.run.config import to_yaml
    from pipeline.run.config_loading import load_config
    from pipeline.run.settings_file import replaced

    for note in replaced([word for word in overrides if "=" in word]):
        complain([f"note: {note}"])
    if command == "check":
        return _check(path, overrides, options.gpu_gb)
    if command == "review-import":
        return _review_import(options)
    config = load_config(path, overrides)
    options.run_dir = config.run_dir
    if command == "config":
        print(to_yaml(config), end="")
        return 0
    if command == "run" and options.dry_run:
        return _dry_run(config, path, overrides)
    if command == "plan":
        from pipeline.commands.plan import plan_lines, seeds_lines, slurm_lines

        if options.seeds:
            show(seeds_lines(config, path, overrides, options.seeds))
            return 0
        show(slurm_lines(config) if options.slurm else plan_lines(config))
        return 0
    if command == "fetch":
        os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = (
            "0"  # asked for, whatever the profile says
        )
        from pipeline.commands.fetch import fetch

        fetch(config)
        return 0
    from records.permissions import readable_by, readers

    # From here on files hold completions of harmful prompts.
    with readable_by(readers(os.environ)):
        return _write(options, config)


def _write(options: argparse.Namespace, config: RunConfig) -> int:
    """What leaves files with completions in them."""
    command, path, overrides = options.command, options.config, options.overrides
    if command == "export":
        from pipeline.commands.export import export

        export(config, options.stage, options.output)
        return 0
    if command == "review-export":
        return _review_export(options, config)
    # Before any library of models is imported: they read these variables once.
    offline()
    if command == "eval" and config.eval.candidates is not None:
        from pipeline.commands.eval_alone import eval_alone

        eval_alone(config)
        return 0
    if command == "judge-report":
        from pipeline.commands.judge_report import judge_report
        from pipeline.judge_report_files import Request

        judge_report(
            config,
            Request(
                **{name: getattr(options, name) for name in _JUDGE_OPTIONS}, scorers=options.scorer
            ),
        )
        return 0
    from pipeline.run.ranks import own_rank
    from pipeline.run.runner import leave_run, run, run_alone, run_one
    from records.stage_folder import locked

    rank = own_rank(config.trainer)
    # Ranks of a whole run: stages that train start their own, the others must not work twice.
    if command == "run" and rank:
        leave_run(rank)
        return 0
    if command == "run" and options.seeds:
        from pipeline.run.seeds import run_seeds

        run_seeds(path, overrides, options.seeds, _run_locked)
        return 0
    # The parent holds the run's lock; a child that asked for it would wait for its own parent.
    if rank or os.environ.get("PRIMUM_IN_RUN"):
        run_one(command, config)
        return 0
    with locked(Path(config.run_dir)):
        if command == "run":
            run(config, [str(path), *overrides])
        elif config.trainer.world_size == 1:
            run_alone(command, config)
        else:
            run_one(command, config)
    return 0


def _run_locked(config: RunConfig, arguments: list[str]) -> None:
    from pipeline.run.runner import run
    from records.stage_folder import locked

    with locked(Path(config.run_dir)):
        run(config, arguments)


_JUDGE_OPTIONS = (
    "labels",
    "output",
    "resamples",
    "refits",
    "ablate",
    "audit",
    "save_completions",
    "in_domain",
)


def _dry_run(config: RunConfig, path: Path, overrides: list[str]) -> int:
    """The plan, then `primum check`, which exits with 2 where something would fail."""
    from pipeline.commands.plan import plan_lines

    show(plan_lines(config))
    return _check(path, overrides, 80.0)


def _review_export(options: argparse.Namespace, config: RunConfig) -> int:
    from pipeline.commands.review_export import Wanted, export_batch

    wanted = Wanted(
        prompts=options.prompts,
        uncertain=options.uncertain,
        abstained=options.abstained,
        show_scores=options.show_scores,
        of_test=options.of == "test",
    )
    export_batch(config, options.output, wanted)
    return 0


def _review_import(options: argparse.Namespace) -> int:
    from pipeline.run.config_loading import load_config

    files = []
    for word in options.overrides:
        if "=" not in word:
            files.append(Path(word))
    if not files:
        raise PrimumError(
            "no file to read ratings from; name Label Studio's exports or filled-in copies of "
            "batch.csv"
        )
    config = load_config(options.config, [word for word in options.overrides if "=" in word])
    from pipeline.commands.review import import_ratings
    from records.permissions import readable_by, readers

    with readable_by(readers(os.environ)):
        import_ratings(config, files, options.batch, options.output)
    return 0


def _check(path: Path, words: list[str], gpu_gb: float) -> int:
    from pipeline.run.config_loading import load_config

    scripts = [Path(word) for word in words if "=" not in word]
    if len(scripts) > 1:
        raise PrimumError(
            f"got {len(scripts)} job scripts ({', '.join(map(str, scripts))}), wanted one at most"
        )
    config = load_config(path, [word for word in words if "=" in word])
    # A check must not download gigabytes on a login node; what is missing is what it reports.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from pipeline.commands.check import check

    show(check(config, scripts[0] if scripts else None, gpu_gb))
    show(["nothing that would fail was found"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
