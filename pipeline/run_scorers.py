"""The scorers that every policy of a run is measured with."""

from __future__ import annotations

from collections.abc import Sequence

from models.engines.generate import generation_dtype
from pipeline.policies import device
from pipeline.run.stage import Context
from records.contracts import Scorer
from records.rows import Prompt
from records.run_files import REWARD_MODEL
from reward.model.harmfulness_model import HarmfulnessScorer
from reward.scorers import FACTORS, RefusalRule


def run_scorers(context: Context, prompts: Sequence[Prompt]) -> list[Scorer]:
    """The harm model that the run has trained, the refusal rule, and those that no training
    touched.
    """
    dtype = generation_dtype(context.config.eval.generation)
    harm_model = HarmfulnessScorer.load(context.input(REWARD_MODEL), dtype)
    harm_model.model.to(device(context.config))
    if not context.config.eval.factors:
        return [harm_model, RefusalRule()]
    from reward.factors.one_pass import FactorsAndRefusal  # noqa: PLC0415  loads an embedder

    known = {prompt.id: prompt.kind == "harmful" for prompt in prompts}
    return [harm_model, RefusalRule(), FactorsAndRefusal(FACTORS, known=known)]
