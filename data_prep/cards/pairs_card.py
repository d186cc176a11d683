"""What the data card of the preference pairs says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from data_prep.cards.card_parts import (
    EXCLUDED,
    citations_of,
    licence_of,
    licences_of,
    restriction_lines,
    shared_facts,
    source_names,
    split_table,
)
from data_prep.cards.data_card import DataCard, Facts, table
from data_prep.config import DataConfig
from records.rows import Pair, Prompt

INTENDED_PAIRS = (
    "Preference training (DPO and its kin) and reward models, for a medical language model that "
    "declines harm and helps otherwise."
)
EXCLUDED_PAIRS = f"Imitating or publishing the rejected side, which may be harmful text. {EXCLUDED}"


class Deciders(NamedTuple):
    """Who wrote the completions of the pairs and said which of two is preferred."""

    policy: str
    scorers: Iterable[str]
    raters: int = 0
    """Experts whose ratings count."""


class _People(NamedTuple):
    """What people had to do with the preferences."""

    decided: str
    read: str
    cost: str


BY_NOBODY = _People(
    decided="by the run, not by a person",
    read="no clinician has read the sampled completions or confirmed a preference",
    cost="no person was asked to read the sampled completions",
)


def _by_experts(raters: int) -> _People:
    return _People(
        decided=f"by the run, and by {raters} expert(s) for the completions that they rated",
        read=f"{raters} expert(s) have read a part of the sampled completions",
        cost=(
            f"{raters} expert(s) were asked to read harmful completions; what that cost them is "
            "not known here"
        ),
    )


def pairs_card(
    config: DataConfig,
    pairs: Sequence[Pair],
    prompts: Sequence[Prompt],
    *,
    dropped: Mapping[str, int],
    deciders: Deciders,
    seed: int,
) -> DataCard:
    """Of the preference pairs; `prompts` are all that a pair's prompt or completion may come
    from.
    """
    sources = []
    for source in config.sources:
        # A source whose rows were all left out has no part in the pairs.
        if any(row.source == source.name for row in prompts):
            sources.append(source)
    source_of = {row.id: row.source for row in prompts}
    counts = Counter(source_of[pair.prompt_id] for pair in pairs)
    rows = []
    for source in sources:
        rows.append((source.name, licence_of(source, prompts), counts[source.name]))
    people = _by_experts(deciders.raters) if deciders.raters else BY_NOBODY
    scorers = ", ".join(sorted(set(deciders.scorers)))
    decided = (
        f"which of two completions is preferred was decided {people.decided}: scored by {scorers}. "
        "Which requests are harmful was decided before that"
    )
    written = (
        f"the policy ({deciders.policy}) wrote the sampled completions, the sources the others; by "
        f"origin, {_origins(pairs)}"
    )
    return DataCard(
        name=f"preference pairs from {source_names(sources)}",
        summary=(
            f"{len(pairs)} preference pairs for {len({pair.prompt_id for pair in pairs})} of "
            f"{len(prompts)} prompts. Built with seed {seed}; the same inputs and configuration "
            "give the same bytes. pairs.report.json has margins and shortcut probes."
        ),
        licences=licences_of(sources, prompts),
        sources="\n\n".join(
            [
                table(("source of the prompt", "licence", "pairs"), rows),
                *restriction_lines(sources, prompts),
            ]
        ),
        decided=(("", decided), *shared_facts(sources, "decided")),
        principles=shared_facts(sources, "principles"),
        written=(("", written), *shared_facts(sources, "written")),
        splits=split_table([(pair.pair_type, pair) for pair in pairs], "pair type"),
        left_out=_pair_losses(dropped),
        not_represented=shared_facts(sources, "not_represented"),
        limitations=(("", f"scores are a model's; {people.read}"),),
        cost=(("", people.cost), *shared_facts(sources, "cost")),
        personal=shared_facts(sources, "personal"),
        intended=INTENDED_PAIRS,
        excluded=EXCLUDED_PAIRS,
        citations=citations_of(sources),
    )


def _pair_losses(dropped: Mapping[str, int]) -> Facts:
    """A reason names what it counts: prompts, sampled completions or pairs."""
    found = tuple(("", f"{count}: {reason}") for reason, count in sorted(dropped.items()) if count)
    return found or (("", "nothing was left out"),)


def _origins(pairs: Sequence[Pair]) -> str:
    sides = {
        "chosen": Counter(pair.chosen_source for pair in pairs),
        "rejected": Counter(pair.rejected_source for pair in pairs),
    }
    return "; ".join(
        f"{side}: " + ", ".join(f"{n} {origin}" for origin, n in sorted(counts.items()))
        for side, counts in sides.items()
    )
