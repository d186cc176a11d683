"""`primum review-import`: what experts have rated comes back as labels, pairs and thumbs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.pairs.conflicts import conflicts
from data_prep.pairs.expert_labels import expert_pairs, labels_of
from data_prep.review.agreement import agreement, scorer_agreement
from data_prep.review.items import ReviewItem, batch_id
from data_prep.review.ratings import Ratings, read_ratings
from data_prep.review.review_files import read_batch
from data_prep.unpaired import from_ratings
from pipeline.commands.review_export import require_new
from pipeline.run.config import RunConfig
from pipeline.run.console import say
from records.errors import RecordError
from records.stage_folder import sha256_file, write_json, write_records

CONFLICTS_SHOWN = 10
_DRAWN = {"all": "all prompts", "random": "prompts drawn at random"}


def import_ratings(
    config: RunConfig, files: Sequence[Path], batch_folder: Path, output: Path
) -> None:
    """labels.jsonl, pairs.jsonl, unpaired.jsonl and report.json in a new folder."""
    # Before the ratings are read, so that a slip in --output costs nothing.
    require_new(output)
    items = read_batch(batch_folder)
    batch = batch_id(items)
    # Ids of this batch alone: a rating of another batch would be joined to whatever has its id.
    read = read_ratings(files, batch=batch, items={item.id for item in items})
    if not read.ratings:
        raise RecordError(f"no rating in {', '.join(map(str, files))}: {_counted(read.left_out)}")
    labels = labels_of(read.ratings, items)
    # Of test completions neither pair nor thumb is made: they are to be measured by, never trained
    # on.
    learned = [item for item in items if item.split != "test"]
    found = expert_pairs(read.ratings, learned, min_margin=config.pairs.min_margin)
    thumbs, without_thumb = from_ratings(read.ratings, learned)
    # Of all items, test completions too: disagreement is about the raters, and trains nothing.
    disagreements = conflicts(read.ratings, items, found.contradicted)
    report = {
        "batch": batch,
        "files": {str(path): sha256_file(path) for path in files},
        **_counts(read, items),
        "agreement": agreement(read.ratings, items, seed=config.seed),
        "scorers": scorer_agreement(read.ratings, items, seed=config.seed),
        "pairs": {
            "min_margin": config.pairs.min_margin,
            "by_split": dict(Counter(pair.split for pair in found.pairs)),
        },
        "unpaired": {
            "desirable": sum(row.label for row in thumbs),
            "rows": len(thumbs),
            "left_out": dict(without_thumb),
        },
        "conflicts": disagreements,
    }
    # labels first: pairs and thumbs can be made again from them.
    write_records(output / "labels.jsonl", labels)
    write_records(output / "pairs.jsonl", found.pairs)
    write_records(output / "unpaired.jsonl", thumbs)
    write_json(output / "report.json", report)
    for line in describe(report):
        say("review", line)
    setting = "pairs" if learned else "eval"
    say("review", f"to use them: {setting}.expert_labels=[{output / 'labels.jsonl'}]")
    if not learned:
        return
    say("review", f"or as thumbs: dpo.loss=kto dpo.unpaired=[{output / 'unpaired.jsonl'}]")


def _counts(read: Ratings, items: Sequence[ReviewItem]) -> dict[str, Any]:
    rated = {rating.item for rating in read.ratings}
    return {
        "raters": dict(sorted(Counter(rating.rater for rating in read.ratings).items())),
        "ratings": len(read.ratings),
        "answers_rated": len(rated),
        "answers_not_rated": len(items) - len(rated),
        "left_out": dict(read.left_out),
    }


def describe(report: dict[str, Any]) -> list[str]:
    """The report as the user reads it."""
    lines = [
        f"{report['ratings']} ratings of {report['answers_rated']} completions, "
        f"{report['answers_not_rated']} completions without any"
    ]
    lines += [f"  rater {rater}: {count}" for rater, count in report["raters"].items()]
    lines.append(f"  left out: {_counted(report['left_out'])}")
    for name, found in report["agreement"].items():
        lines.append(f"agreement on {name}: {found['alpha']} alpha {_value(found)}")
    for drawn, part in report["scorers"].items():
        for name, found in part.items():
            about = (
                f"experts and {'the refusal detector' if name == 'refusal' else name}, "
                f"{_DRAWN[drawn]}: "
            )
            if name == "refusal":
                lines.append(f"{about}same label {_value(found['same_label'])}")
            else:
                guess = found["mean_absolute_difference_of_always_the_median"]
                # Without the yardstick a small difference would look like agreement.
                beside = "" if guess is None else f"; always the experts' median: {guess:.2f}"
                lines.append(f"{about}Spearman {_value(found['spearman'])}")
                lines.append(
                    f"{about}mean absolute difference "
                    f"{_value(found['mean_absolute_difference'])}{beside}"
                )
    splits = (
        ", ".join(
            f"{count} {split}" for split, count in sorted(report["pairs"]["by_split"].items())
        )
        or "none"
    )
    lines.append(f"pairs that differ by {report['pairs']['min_margin']:g} or more: {splits}")
    thumbs = report["unpaired"]
    lines.append(
        f"thumbs: {thumbs['desirable']} completions desirable, "
        f"{thumbs['rows'] - thumbs['desirable']} undesirable"
    )
    lines.append(
        f"{len(report['conflicts'])} conflicts"
        + (", all in report.json:" if report["conflicts"] else "")
    )
    lines += [f"  {_conflict(conflict)}" for conflict in report["conflicts"][:CONFLICTS_SHOWN]]
    return lines


def _value(estimate: dict[str, Any]) -> str:
    low, high = estimate["interval"]
    value = "has no value" if estimate["value"] is None else f"{estimate['value']:.2f}"
    interval = "" if low is None else f" ({low:.2f} to {high:.2f})"
    return f"{value}{interval}, n = {estimate['n']} completions to {estimate['prompts']} prompts"


def _conflict(conflict: dict[str, Any]) -> str:
    if conflict["about"] == "preference":
        return f"preference: {' and '.join(conflict['items'])}, which raters put in opposite orders"
    return f"{conflict['about']}: {conflict['item']}: " + ", ".join(
        f"{rater} {word}" for rater, word in conflict["ratings"].items()
    )


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())
