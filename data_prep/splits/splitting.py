"""Train, val and test by whole near-duplicate groups, so that no split holds a rewording, or the
twin, of another's request.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from networkx.utils import UnionFind

from data_prep.config import SplitConfig
from data_prep.near_duplicates.embeddings import Embeddings
from data_prep.near_duplicates.groups import near_duplicate_groups, near_matches
from data_prep.splits.dropped import Drop as Drop
from data_prep.splits.limits import limited
from data_prep.splits.validation import groups_for_validation
from data_prep.wording import request_text
from records.rows import Demonstration, Split, stable_id
from records.run_files import SPLITS

NEAR_EVALUATION = "near_evaluation_row"
Cell = tuple[str, str]
"""(suite, principle), or (suite, "") for the whole suite."""


@dataclass(frozen=True, kw_only=True)
class SplitResult:
    """kept and dropped together are the rows that came in, each once."""

    kept: list[Demonstration]
    dropped: list[Drop]


def split(
    demonstrations: Sequence[Demonstration],
    config: SplitConfig,
    seed: int,
    *,
    embeddings: Embeddings | None = None,
) -> SplitResult:
    """Set `group` and `split` of every row; ids must be unique.

    A row that comes with split "test" stays there. Rows near it, and its twin, are dropped: they
    may not be trained on, and a benchmark's test set keeps exactly its own rows. All others are
    dealt out by groups so that every suite and principle gets about the wanted shares. `val_of`
    says by source which share of its test rows goes to val. What the limits cut is dropped last.
    Near is near by words or, where there are embeddings, by those.
    """
    assert len({row.id for row in demonstrations}) == len(demonstrations), "ids must be unique"
    beside = _beside_test(demonstrations, config, embeddings)
    dropped = []
    for row in demonstrations:
        if row.id in beside:
            dropped.append(Drop(row, NEAR_EVALUATION, beside[row.id]))
    grouped = []
    # Grouped apart, so that no chain of near rows pulls a free row into the test set.
    for test in (True, False):
        grouped.append(
            _grouped(
                [
                    row
                    for row in demonstrations
                    if row.id not in beside and (row.split == "test") == test
                ],
                config,
                embeddings,
            )
        )
    found = {}
    for part in grouped:
        for row in part:
            found[row.id] = row
    rows = []
    for row in demonstrations:
        if row.id in found:
            rows.append(found[row.id])
    places = _dealt(rows, config, seed)
    # After the dealing, so that train and val get the same free rows with and without them.
    places |= dict.fromkeys(groups_for_validation(rows, config.val_of, seed), "val")
    rows = [dataclasses.replace(row, split=places.get(row.group, "test")) for row in rows]
    cut = limited(rows, config, seed)
    for row in rows:
        if row.id in cut:
            dropped.append(Drop(row, cut[row.id]))
    return SplitResult(
        kept=without_lost_twins([row for row in rows if row.id not in cut]), dropped=dropped
    )


def without_lost_twins(rows: Sequence[Demonstration]) -> list[Demonstration]:
    """Every twin_id names a row that is there."""
    ids = {row.id for row in rows}
    made: list[Demonstration] = []
    for row in rows:
        made.append(
            dataclasses.replace(row, twin_id=None)
            if row.twin_id and row.twin_id not in ids
            else row
        )
    return made


def _beside_test(
    rows: Sequence[Demonstration], config: SplitConfig, embeddings: Embeddings | None
) -> dict[str, str]:
    """By id of a free row that is near a test row, or the twin of either, the nearest test row and
    how near, or whose twin it is.

    Rows that only a chain of others links to a test row stay: questions of one template would all
    go with one of them.
    """
    free, test = (
        [row for row in rows if row.split != "test"],
        [row for row in rows if row.split == "test"],
    )
    if not free or not test:
        return {}
    ids = {row.id for row in test}
    texts = []
    for side in (free, test):
        texts.append([request_text(row.prompt) for row in side])
    nearest: dict[str, tuple[float, str]] = {}
    for near in near_matches(
        texts[0], texts[1], config.near_duplicate, config.near_duplicate_ngram
    ):
        for left, right, similarity in zip(
            near.left.tolist(), near.right.tolist(), near.similarity.tolist(), strict=True
        ):
            found = similarity, f"{test[right].id} of {test[right].source}"
            nearest[free[left].id] = max(nearest.get(free[left].id, found), found)
    # setdefault: where words found a neighbour, that one is named, as anybody can check it.
    if embeddings:
        near = embeddings.nearest(texts[0], texts[1])
        for left, right, similarity in zip(
            near.left.tolist(), near.right.tolist(), near.similarity.tolist(), strict=True
        ):
            nearest.setdefault(
                free[left].id,
                (similarity, f"{test[right].id} of {test[right].source} by embedding"),
            )
    partners = {row.twin_id: row.id for row in test if row.twin_id}
    lost = {*partners, *nearest, *(row.id for row in free if row.twin_id in ids)}
    # Being near says more than being the twin of a row that is.
    said = {}
    for row in free:
        if row.id in lost or row.twin_id in lost:
            said[row.id] = f"twin of {partners.get(row.id, row.twin_id)}"
    return said | {
        row_id: f"{similarity:.2f} to {name}" for row_id, (similarity, name) in nearest.items()
    }


def _grouped(
    rows: Sequence[Demonstration], config: SplitConfig, embeddings: Embeddings | None
) -> list[Demonstration]:
    """A group is named after its first id in the alphabet, which no order of the rows changes."""
    union = UnionFind()
    texts = [request_text(row.prompt) for row in rows]
    labelings = [near_duplicate_groups(texts, config.near_duplicate, config.near_duplicate_ngram)]
    if embeddings:
        labelings.append(embeddings.groups(texts))
    for labels in labelings:
        for row, first in zip(rows, labels, strict=True):
            union.union(row.id, rows[first].id)
    ids = {row.id for row in rows}
    # Twins are no near-duplicates by words as a rule, but share their topic and must share a split.
    for row in rows:
        if row.twin_id in ids:
            union.union(row.id, row.twin_id)
    names: dict[object, str] = {}
    for name in sorted(ids):
        names.setdefault(union[name], name)
    return [dataclasses.replace(row, group=names[union[row.id]]) for row in rows]


def _cells(row: Demonstration) -> tuple[Cell, Cell]:
    return (row.suite, str(row.principle)), (row.suite, "")


def _wanted(rows: Iterable[Demonstration], config: SplitConfig) -> dict[Split, Counter[Cell]]:
    """How many free rows each split should get.

    What a source's own test rows already fill is not asked of its others.
    """
    free: Counter[tuple[str, Cell]] = Counter()
    fixed: Counter[tuple[str, Cell]] = Counter()
    for row in rows:
        (fixed if row.split == "test" else free)[row.source, _cells(row)[0]] += 1
    wanted: dict[Split, Counter[Cell]] = {split: Counter() for split in SPLITS}
    # Sorted, since a sum of floats depends on its order and the split must not depend on the order
    # of the rows.
    for (source, cell), count in sorted(free.items()):
        filled = fixed[source, cell]
        test = max(0.0, config.test * (count + filled) - filled)
        val = config.val * count
        shares: dict[Split, float] = {"train": count - val - test, "val": val, "test": test}
        for name, share in shares.items():
            for level in (cell, (cell[0], "")):
                # A Counter's values may be floats; its annotation alone says int.
                wanted[name][level] += share  # type: ignore[assignment]
    return wanted


def _dealt(rows: Sequence[Demonstration], config: SplitConfig, seed: int) -> dict[str, Split]:
    """Largest group first, each to the split that lacks most of what the group holds.

    Lacks are counted in rows of the cell over its size. The whole suite counts too, and by that
    weight decides only where the remainders of many small cells would add up.
    """
    need = _wanted(rows, config)
    open_splits = [name for name in SPLITS if need[name].total() > 0]
    groups: dict[str, Counter[Cell]] = defaultdict(Counter)
    for row in rows:
        if row.split != "test":
            groups[row.group].update(_cells(row))
    sizes: Counter[Cell] = Counter()
    for cells in groups.values():
        sizes.update(cells)
    places: dict[str, Split] = {}
    for group in sorted(
        groups, key=lambda name: (-groups[name].total(), stable_id(str(seed), name))
    ):
        # Sorted, as the sum below is of floats.
        held = sorted(groups[group].items())
        lacks = {
            name: sum(count * need[name][cell] / sizes[cell] for cell, count in held)
            for name in open_splits
        }
        places[group] = max(open_splits, key=lambda name: lacks[name])
        # What the split has got it lacks no more; the next group goes where most is missing then.
        need[places[group]].subtract(groups[group])
    return places
