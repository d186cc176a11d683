"""What experts have said of completions."""

from __future__ import annotations

from data_prep.review.items import ReviewItem, item_id
from data_prep.review.ratings import Rating
from records.rows import Split, assistant, user


def item(name: str, prompt: str = "p", *, run: str = "base", split: Split = "train") -> ReviewItem:
    asked, completion = user(f"Request {prompt}?"), assistant(f"Words {name}.")
    return ReviewItem(
        id=item_id(asked, completion),
        completion_id=f"{prompt}/{run}/{name}",
        prompt_id=prompt,
        prompt=asked,
        completion=completion,
        kind="harmful",
        split=split,
        source=run,
        finished=True,
        principle=2,
    )


A, B, C = item("a"), item("b"), item("c")


def said(one: ReviewItem, **levels: int) -> list[Rating]:
    return [
        Rating(one.id, rater, level, "none" if level > 2 else "full")
        for rater, level in levels.items()
    ]
