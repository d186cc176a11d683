"""The scorers that every policy of a run is measured with."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.harm_model import harm_model
from pipeline.run.inputs import Inputs
from pipeline.run.views import AsksScorers
from records.contracts import Scorer
from records.rows import Prompt
from reward.scorers import FACTORS, RefusalRule


def run_scorers(config: AsksScorers, inputs: Inputs, prompts: Sequence[Prompt]) -> list[Scorer]:
    """The harm model that the run has trained, the refusal rule, and those that no training
    touched.
    """
    own = harm_model(config, inputs, config.eval.generation)
    if not config.eval.factors:
        return [own, RefusalRule()]
    from reward.factors.one_pass import FactorsAndRefusal  # noqa: PLC0415  loads an embedder

    known = {prompt.id: prompt.kind == "harmful" for prompt in prompts}
    return [own, RefusalRule(), FactorsAndRefusal(FACTORS, known=known)]
