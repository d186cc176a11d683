"""`primum review-export`: a run's completions as a batch that experts rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.review.abstentions import ABSTAINED, all_abstained, with_abstentions
from data_prep.review.items import ReviewItem, draw, draw_at_random, review_items
from data_prep.review.review_files import write_batch
from eval.abstention import why_abstains
from pipeline.run.config import RunConfig
from pipeline.run.console import say
from pipeline.run.graph import released_policy
from pipeline.run.provenance import code_state
from records.contracts import BASE
from records.errors import ArtifactError, RecordError
from records.harm_scale import HIGH_HARM
from records.principles import PRINCIPLES
from records.rows import Score
from records.run_files import (
    COMPLETIONS,
    DEMONSTRATIONS,
    LEARNED_FROM,
    MEASURED_COMPLETIONS,
    MEASURED_PROMPTS,
    MEASURED_SCORES,
    PROMPTS,
    SCORES,
)
from records.stage_folder import StageDirectory
from reward.scorers import FACTORS, HARM_MODEL, REFUSAL

READS = (PROMPTS.of(*LEARNED_FROM), DEMONSTRATIONS.of(*LEARNED_FROM), COMPLETIONS, SCORES)
MEASURED = (MEASURED_PROMPTS, MEASURED_COMPLETIONS, MEASURED_SCORES)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a batch is drawn by."""

    prompts: int
    uncertain: float
    """Share of the prompts near the harm threshold; not for test prompts."""
    abstained: int
    """At most so many further completions on which the scorers abstain."""
    show_scores: bool
    of_test: bool = False
    """Of the base and the final policy to test prompts, drawn at random."""


def export_batch(config: RunConfig, output: Path, wanted: Wanted) -> None:
    """A batch of the run's scored completions as a new folder, those on which the scorers abstain
    first.
    """
    run_dir = Path(config.run_dir)
    inputs = {}
    for file in MEASURED if wanted.of_test else READS:
        for part in file.parts:
            # `require` checks hashes: raters' hours must not go to damaged completions.
            inputs[f"{file.stage}/{part}"] = StageDirectory(run_dir / file.stage).require(part)
    require_new(output)
    items, batch = _drawn(config, run_dir, wanted)
    if not batch:
        kind = "test" if wanted.of_test else "training or validation"
        raise RecordError(
            f"{run_dir}: no scored completion of a {kind} prompt; there is nothing to review"
        )
    drawn: dict[str, Any] = {
        "prompts": wanted.prompts,
        "uncertain": 0.0 if wanted.of_test else wanted.uncertain,
        "abstained": wanted.abstained,
        "threshold": HIGH_HARM,
        "show_scores": wanted.show_scores,
        "seed": config.seed,
    }
    if wanted.of_test:
        drawn["of"] = "test"
    name = write_batch(
        output,
        batch,
        principles={number: one.title for number, one in PRINCIPLES.items()},
        show_scores=wanted.show_scores,
        provenance={"drawn": drawn, "inputs": inputs, **code_state()},
    )
    _say_batch(name, batch, wanted)
    _say_abstained(batch, all_abstained(items))
    say("review", f"{output / 'README.md'} says how to rate; some of the texts are harmful")


def _drawn(
    config: RunConfig, run_dir: Path, wanted: Wanted
) -> tuple[list[ReviewItem], list[ReviewItem]]:
    """Everything that may be asked about, and the batch."""
    if wanted.of_test:
        # The base and the released one: the correction by people is of the difference between them.
        items = measured_items(run_dir, (BASE.name, released_policy(config)))
        batch = draw_at_random(items, prompts=wanted.prompts, seed=config.seed)
    else:
        items = sampled_items(run_dir)
        batch = draw(
            items,
            prompts=wanted.prompts,
            uncertain=wanted.uncertain,
            threshold=HIGH_HARM,
            seed=config.seed,
        )
    return items, with_abstentions(batch, items, most=wanted.abstained, seed=config.seed)


def _say_batch(name: str, batch: Sequence[ReviewItem], wanted: Wanted) -> None:
    """How many were drawn, and of which kinds."""
    drawn = [item for item in batch if item.drawn != ABSTAINED]
    asked = {item.prompt_id: item for item in drawn}
    # Fewer than asked for is told, since the interval of an agreement depends on the number of
    # prompts.
    complete = len(asked) == wanted.prompts * (2 if wanted.of_test else 1)
    each = " of each kind" if wanted.of_test else ""
    say(
        "review",
        f"batch {name}: {len(drawn)} completions of {len(asked)} prompts"
        + ("" if complete else f", {wanted.prompts}{each} wanted"),
    )
    for title, counts in (
        ("drawn", Counter(item.drawn for item in asked.values())),
        ("kind", Counter(item.kind for item in asked.values())),
        ("principle", Counter(str(item.principle or "none") for item in asked.values())),
    ):
        say(
            "review",
            f"  {title:<10}"
            + ", ".join(f"{count} {value}" for value, count in sorted(counts.items())),
        )


def _say_abstained(batch: Sequence[ReviewItem], found: int) -> None:
    first = sum(bool(item.abstained) for item in batch)
    further = sum(item.drawn == ABSTAINED for item in batch)
    if found:
        say(
            "review",
            f"  {first} completions come first, on which the scorers abstain: {further} besides "
            "those prompts'"
            + (f"; {found - first} more are left out (--abstained)" if found > first else ""),
        )


def _abstentions(scores: Sequence[Score], scorer: str) -> dict[str, str]:
    """Why the scorer abstains, by completion."""
    found = {}
    for score in scores:
        if score.scorer == scorer and (why := why_abstains(score)):
            found[score.completion_id] = why
    return found


def sampled_items(run_dir: Path) -> list[ReviewItem]:
    """What the policy completed training and validation prompts with, and the demonstrations.

    There the reward model alone has scored harm; it abstains where it could not read a text.
    """
    scores = SCORES.read(run_dir / SCORES.stage)
    return review_items(
        PROMPTS.of(*LEARNED_FROM).read(run_dir / PROMPTS.stage),
        COMPLETIONS.read(run_dir / COMPLETIONS.stage),
        DEMONSTRATIONS.of(*LEARNED_FROM).read(run_dir / DEMONSTRATIONS.stage),
        scores,
        abstentions=_abstentions(scores, HARM_MODEL),
    )


def measured_items(run_dir: Path, policies: Sequence[str]) -> list[ReviewItem]:
    """What these policies completed the test prompts with, as `primum eval` has left it."""
    folder = run_dir / MEASURED_PROMPTS.stage
    made = []
    for row in MEASURED_COMPLETIONS.read(folder):
        # Wrapped prompts are another request; raters judge the plain one.
        if row.policy in policies and not row.condition:
            made.append(row)
    scores = MEASURED_SCORES.read(folder)
    # Other scorers were not part of training or of the verdict, so they do not stratify the draw.
    known = [row for row in scores if row.scorer in (HARM_MODEL, REFUSAL)]
    return review_items(
        MEASURED_PROMPTS.read(folder),
        made,
        [],
        known,
        of_test=True,
        abstentions=_abstentions(scores, FACTORS),
    )


def require_new(output: Path) -> None:
    """Raise ArtifactError where the folder is there already and holds something."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ArtifactError(f"{output}: is there already; name a new folder with --output")
