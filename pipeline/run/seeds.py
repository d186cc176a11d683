"""`primum run CONFIG --seeds N`: one recipe with several seeds, in RUN/seed-K, and one report over
all of them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from eval.results.results import Results
from eval.results.stored import read_results
from eval.seeds import seeds_html, seeds_markdown, seeds_report
from pipeline.run.config import RunConfig, splits_seed
from pipeline.run.config_loading import load_config
from pipeline.run.console import say
from pipeline.run.fingerprint import fingerprint
from pipeline.stages import load_stage, stage_names
from records.errors import ArtifactError, GateError, PrimumError
from records.run_files import RESULTS
from records.stage_folder import StageDirectory, write_json, write_text

Run = Callable[[RunConfig, list[str]], None]
PREFIX = "seed-"


def seed_overrides(config: RunConfig, seed: int) -> list[str]:
    """What makes a run of one seed out of the recipe; all seeds share the splits."""
    folder = Path(config.run_dir) / f"{PREFIX}{seed}"
    # One seed for the splits: runs that differed in their test prompts would mix prompt sampling
    # error into training noise.
    return [f"run_dir={folder}", f"seed={seed}", f"data.split.seed={splits_seed(config)}"]


def run_seeds(path: Path, overrides: list[str], count: int, run: Run) -> None:
    """The run once a seed, from the config's own on; then the report.

    A gate that is not met stops no other seed.

    Raises GateError where the gate of any seed is not met.
    """
    config = load_config(path, overrides)
    declined = []
    for seed in range(config.seed, config.seed + count):
        words = [*overrides, *seed_overrides(config, seed)]
        one = load_config(path, words)
        # Against the first seed only, which has run by then; the others share with it too.
        for stage in share_stages(
            one, load_config(path, [*overrides, *seed_overrides(config, config.seed)])
        ):
            say("seeds", f"seed {seed}: {stage} is that of seed {config.seed}")
        say("seeds", f"seed {seed} of {config.seed} to {config.seed + count - 1}: {one.run_dir}")
        try:
            run(one, [str(path), *words])
        # A gate that does not hold is a result of that seed and part of the spread over seeds.
        except GateError as error:
            declined += [f"seed {seed}: {fault}" for fault in error.faults]
    write_seeds_report(Path(config.run_dir))
    if declined:
        raise GateError(declined)


def share_stages(config: RunConfig, first: RunConfig) -> list[str]:
    """Take over the stages that the first seed has done and that do not depend on the seed; their
    names.
    """
    shared: list[str] = []
    if config.run_dir == first.run_dir:
        return shared
    for name in stage_names(config):
        there, here = Path(first.run_dir) / name, Path(config.run_dir) / name
        stage = load_stage(name)
        try:
            identity, _ = fingerprint(stage, config)
        except PrimumError:
            break  # its inputs are not there yet: they depend on the seed
        # Its own result stands: it may have been made under other settings, which run_stage finds
        # out.
        if here.exists():
            continue
        # Stages follow each other: behind the first one that differs everything differs.
        if not StageDirectory(there).is_complete(identity):
            break
        link_stage(there, here)
        shared.append(name)
    return shared


def link_stage(there: Path, here: Path) -> None:
    """The folder of a finished stage, in another run: hard links where the disk has them: nothing
    in a finished stage is written again in place.
    """
    # Linked beside and renamed, so that a kill leaves no half stage with a manifest in it.
    beside = here.with_name(f".{here.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)

    def link(source: str, target: str) -> None:
        try:
            os.link(source, target)
        # Some network file systems refuse hard links; a copy costs space and nothing else.
        except OSError:
            shutil.copy2(source, target)

    shutil.copytree(there, beside, copy_function=link)
    beside.replace(here)


def write_seeds_report(folder: Path) -> None:
    """seeds.json, seeds.md and seeds.html in the folder that holds the seeds' runs.

    Raises ArtifactError where no seed has results.
    """
    runs: dict[int, Results] = {}
    missing: dict[int, str] = {}
    # By length first, so that seed-10 comes after seed-9.
    for one in sorted(folder.glob(f"{PREFIX}*"), key=lambda place: (len(place.name), place.name)):
        number = one.name.removeprefix(PREFIX)
        if not number.isdigit():
            continue
        results = one / RESULTS.stage / RESULTS.name
        if results.is_file():
            runs[int(number)] = read_results(results)
        else:
            missing[int(number)] = "its evaluation is not done"
    try:
        report = seeds_report(runs, missing)
    except ValueError as error:
        raise ArtifactError(
            f"{folder}: {error}; wanted runs of one recipe in {PREFIX}0, {PREFIX}1 ...; run "
            "`primum run CONFIG --seeds N`"
        ) from error
    write_json(folder / "seeds.json", report.to_json())
    write_text(folder / "seeds.md", seeds_markdown(report))
    write_text(folder / "seeds.html", seeds_html(report))
    say("seeds", f"{len(runs)} seeds, {len(missing)} without results: {folder / 'seeds.md'}")
