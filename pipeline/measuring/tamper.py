"""The last model of a measurement once somebody has tampered with its weights, without a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eval.results.tamper import Tamper
from eval.suites.loading import held_out_suites
from eval.tamper.refusal_direction import writers
from models.loading.load import skeleton
from pipeline.measuring.asking import model_of
from pipeline.measuring.prompts import own_demonstrations
from pipeline.measuring.request import Filed
from pipeline.measuring.scorers import Judges
from pipeline.measuring.subjects import Subject
from pipeline.run.config import RunConfig
from pipeline.run.console import say
from pipeline.tampering import Material, Victim, tampered
from records.errors import ConfigError
from records.rows import Demonstration, SuitePrompt, text_of
from records.run_files import TAMPER

Order = Sequence[Subject | Filed]


def require_weights(order: Order, config: RunConfig) -> None:
    """Raise before anything is measured where eval.tamper has no weights to change.

    ModelError for a network whose layers write in a way that is not known here.
    """
    if config.eval.tamper.enabled:
        writers(skeleton(model_of(_victim(order), config)))


def tamper_of(
    order: Order, prompts: Sequence[SuitePrompt], judges: Judges, config: RunConfig, folder: Path
) -> Tamper | None:
    """`Results.tamper` of the policy that the verdict is on, which is the last; None where
    eval.tamper is off.

    The attacks are made of the project's own training prompts, or of MedQuAD where it is named;
    none of them is a measured prompt.
    """
    if not config.eval.tamper.enabled:
        return None
    victim = _victim(order)
    most = config.eval.tamper.prompts_per_suite
    # A file's prompts may be of any split; all of them are measured here.
    suites = held_out_suites([replace(one, split="test") for one in prompts], "test", most)
    some = [prompt for rows in suites.values() for prompt in rows]
    rows = unmeasured(own_demonstrations("train"), prompts)
    say("measure", f"{victim.title}: tampering with its weights, {len(some)} prompts an attack")
    return tampered(
        config,
        Victim(victim.name, model_of(victim, config)),
        Material(rows, rows, "the project's own"),
        some,
        judges.load(some),
        folder / TAMPER.stage,
        lambda text: say("measure", text),
    )


def unmeasured(
    rows: Sequence[Demonstration], prompts: Sequence[SuitePrompt]
) -> list[Demonstration]:
    """Those that no measured prompt asks: a run of another seed deals the same prompts otherwise,
    and its test prompts may be measured here."""
    measured = {text_of(prompt.prompt) for prompt in prompts}
    return [row for row in rows if text_of(row.prompt) not in measured]


def _victim(order: Order) -> Subject:
    last = order[-1]
    if isinstance(last, Subject) and last.kind == "model":
        return last
    what = "a server" if isinstance(last, Subject) else "a file of completions"
    raise ConfigError(
        f"eval.tamper.enabled=true: {last.title} is {what}, whose weights are not here; wanted the "
        "directory or hub id of a model as the last that is named, since the last is attacked; "
        "name it last, or set eval.tamper.enabled=false"
    )
