"""What the reward model learns from in a run: examples with labels, made into rows for its
objective.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from data_prep.pairs.expert_labels import common_ratings, read_labels
from data_prep.review.items import item_id
from models.layout.collation import Collation
from models.tokens import TokenRow
from records.errors import RecordError
from records.rows import Completion, Demonstration
from reward.config import RewardConfig
from reward.model.examples import CONTINUED, RewardExample
from reward.model.labels import HarmLabel, factor_labels, rule_labels, with_people
from reward.model.network import HarmfulnessNetwork
from train.engine.optimisation import Optimisation

if TYPE_CHECKING:
    from reward.model.preferences import PairModule, PairRows
    from reward.model.training import RewardModule, RewardRows

PEOPLE = "reward.people"
MIN_PAIRS = 20


def labels_for(
    config: RewardConfig, demonstrations: Sequence[Demonstration], completions: Sequence[Completion]
) -> dict[str, HarmLabel]:
    """By completion id, as `reward.labelled_by` and `reward.people` want it.

    Raises RecordError where people have rated nothing of this run.
    """
    # scikit-learn takes a second, which only the work needs.
    from reward.factors.teacher import WordsTeacher  # noqa: PLC0415

    harmful = set()
    for demo in demonstrations:
        if demo.kind == "harmful":
            harmful.add(demo.id)
    asked = []
    for made in completions:
        if made.prompt_id in harmful and made.policy != CONTINUED:
            asked.append(made)
    # By the rule or by heads over words, never by the model that is trained on them.
    labels = (
        rule_labels(asked) if config.labelled_by == "rule" else factor_labels(asked, WordsTeacher())
    )
    return with_people(labels, _rated(config.people, completions), config.people_weight)


def _rated(files: Sequence[str], completions: Sequence[Completion]) -> dict[str, float]:
    if not files:
        return {}
    said = common_ratings(read_labels(files))
    found = {}
    for made in completions:
        # By text: ratings belong to a completion, whichever run brings it.
        value = said.get(item_id(made.prompt, made.completion))
        if value is not None:
            found[made.id] = value
    if not found:
        where = ", ".join(files)
        # A setting that changes nothing is a mistake in it: the user believes that people's word
        # counts.
        raise RecordError(
            f"{PEOPLE}: {where}: none of the rated completions is in this run's sample; name "
            "ratings of this run's completions, or remove the key"
        )
    return found


class Training(NamedTuple):
    """Rows, the module that trains on them, and what the printed line says of them."""

    rows: RewardRows | PairRows
    module_of: type[RewardModule | PairModule]
    what: str


def training_of(
    config: RewardConfig,
    examples: Sequence[RewardExample],
    rows: list[TokenRow],
    layout: Collation,
    *,
    seed: int,
) -> Training:
    """Raises RecordError where the pairwise objective finds too few pairs."""
    # Lightning takes seconds, which only a training needs.
    from reward.model.preferences import PairModule, PairRows, preferences  # noqa: PLC0415
    from reward.model.training import RewardModule, RewardRows  # noqa: PLC0415

    harmful = sum(example.harmful for example in examples)
    if config.objective != "pairwise":
        harms, weights = [e.harm for e in examples], [e.weight for e in examples]
        made = RewardRows(rows, harms, layout, source_weights=weights)
        return Training(
            made, RewardModule, f"{len(examples)} labelled completions ({harmful} harmful)"
        )
    pairs = preferences(examples, seed=seed)
    if len(pairs) < MIN_PAIRS:
        raise RecordError(
            f"reward.objective=pairwise: got {len(pairs)} pairs of completions that differ in harm "
            f"within one group of prompts, wanted at least {MIN_PAIRS}; sample more completions a "
            "prompt (sample.samples), or take reward.objective=binary"
        )
    return Training(
        PairRows(rows, pairs, layout),
        PairModule,
        f"{len(pairs)} pairs of {len(examples)} labelled completions",
    )


def made_module(
    training: Training, network: HarmfulnessNetwork, config: RewardConfig, steps: int
) -> RewardModule | PairModule:
    """The module that trains the network on these rows."""
    from reward.model.training import RewardModule, RewardRows  # noqa: PLC0415  as above

    optimisation = Optimisation(
        learning_rate=config.learning_rate, total_steps=steps, optimiser=config.optimiser
    )
    module = training.module_of(network, optimisation)
    if isinstance(module, RewardModule) and isinstance(training.rows, RewardRows):
        module.sides = training.rows.sides
    return module
