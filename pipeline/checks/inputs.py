"""Every file that a stage reads from outside the run, asked of the stages themselves."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from data_prep.config import SourceConfig
from data_prep.pairs.expert_labels import read_labels
from data_prep.prepare import read_sources
from data_prep.unpaired import read_unpaired
from eval.capability.items import read_tasks
from eval.capability.lm_eval_engine import WHY_MISSING
from eval.config import EvalConfig
from eval.suites.loading import is_there, own_suites
from pipeline.run.config import RunConfig
from pipeline.stages import load_stage, stage_names
from records.errors import PrimumError
from records.rows import Demonstration, Prompt


def input_faults(config: RunConfig) -> list[str]:
    """What the stages of this run miss, each fault once: models, sources, suites, reward models,
    expert labels.
    """
    faults: list[str] = []
    # The stages' own declarations say what they read, so a new stage is checked without a line
    # here.
    for name in stage_names(config):
        try:
            load_stage(name).files(config)
        except PrimumError as error:
            # Several stages read the same model and would each report it.
            faults += [fault for fault in error.faults if fault not in faults]
    return faults


def read_rows(config: RunConfig) -> tuple[list[Demonstration], list[str]]:
    """(rows of all sources that are there, what is wrong in them); those that are not there are in
    `input_faults`.
    """
    faults: list[str] = []
    rows: list[Demonstration] = []
    for source in config.data.sources:
        # Missing sources are told by `input_faults`; read here, each would be told twice.
        if not _is_there(source):
            continue
        try:
            rows += read_sources([source], config.seed)
        except PrimumError as error:
            faults += error.faults
    return rows, faults


def read_suites(config: RunConfig) -> tuple[list[Prompt], list[str]]:
    """(prompts of the run's own suites that are there, what is wrong in them and in the files of
    expert labels and thumbs).
    """
    faults: list[str] = []
    prompts: list[Prompt] = []
    there = []
    for suite in config.eval.suites:
        if is_there(suite) or (suite.suite and not suite.path):
            there.append(suite)
    try:
        suites, _ = own_suites(EvalConfig(suites=there))
        prompts = []
        for found in suites.values():
            prompts.extend(found)
    except PrimumError as error:
        faults += error.faults
    faults += _capability_faults(config)
    # Files that are not there are told by the stage that names them.
    for file in (*config.pairs.expert_labels, *config.reward.people, *config.eval.expert_labels):
        try:
            read_labels([file] if Path(file).is_file() else [])
        except PrimumError as error:
            faults += error.faults
    for file in config.dpo.unpaired:
        try:
            read_unpaired([file] if Path(file).is_file() else [])
        except PrimumError as error:
            faults += error.faults
    return prompts, faults


def _is_there(source: SourceConfig) -> bool:
    return not source.path or source.is_downloaded or Path(source.path).exists()


def _capability_faults(config: RunConfig) -> list[str]:
    """Of the sets of questions, which a stage would read hours later, and of the engine that asks
    them.
    """
    wanted = config.eval.capability
    # find_spec and no import: lm_eval takes seconds to load.
    missing = wanted.engine == "lm_eval" and find_spec("lm_eval") is None
    faults = [WHY_MISSING] if missing else []
    try:
        read_tasks(wanted.tasks)
    except PrimumError as error:
        faults += error.faults
    return faults
