"""Which rows of a split are left out when a config asks for fewer; the same seed cuts the same
rows.
"""

from __future__ import annotations

from collections.abc import Set

from data_prep.config import SplitConfig
from data_prep.splits.turns import in_turn
from records.rows import Demonstration, stable_id


def limited(rows: list[Demonstration], config: SplitConfig, seed: int) -> dict[str, str]:
    """The limit that cuts it, by the id of every row to leave out."""
    train = [row for row in rows if row.split == "train"]
    ids = {row.id for row in rows}
    cut: dict[str, str] = {}
    harmful = [row for row in train if row.kind == "harmful"]
    chosen = _first(harmful, config.train_limit, seed)
    for row in harmful:
        if row.id not in chosen:
            cut[row.id] = "train_limit"
    twins = []
    for row in train:
        if row.kind == "benign" and row.twin_id in ids:
            twins.append(row)
    # A twin goes with its harmful half, or the benign half alone would teach the topic to be
    # benign.
    cut |= {row.id: "train_limit" for row in twins if row.twin_id in cut}
    alone = []
    for row in train:
        if row.kind == "benign" and row.twin_id not in ids:
            alone.append(row)
    chosen = _first(alone, config.benign_train_limit, seed)
    for row in alone:
        if row.id not in chosen:
            cut[row.id] = "benign_train_limit"
    for name, limit in (("val", config.val_limit), ("test", config.test_limit)):
        for row_id in _over_suite_limit([row for row in rows if row.split == name], limit, seed):
            cut[row_id] = f"{name}_limit"
    return cut


def _over_suite_limit(rows: list[Demonstration], limit: int | None, seed: int) -> Set[str]:
    """Harmful suites choose first and twins follow their partners, so that both are measured on the
    same pairs.
    """
    suites = sorted(
        {row.suite for row in rows},
        key=lambda suite: (all(row.kind == "benign" for row in rows if row.suite == suite), suite),
    )
    kept: set[str] = set()
    for suite in suites:
        # `kept` grows suite by suite: the later ones follow what the harmful suites have chosen.
        kept |= _first([row for row in rows if row.suite == suite], limit, seed, partners=kept)
    return {row.id for row in rows} - kept


def _first(
    rows: list[Demonstration], limit: int | None, seed: int, partners: Set[str] = frozenset()
) -> set[str]:
    """Ids of `limit` rows: twins of `partners` first, then one of each principle in turn, in an
    order drawn with the seed.
    """
    if limit is None:
        return {row.id for row in rows}

    def drawn(row: Demonstration) -> tuple[bool, str, str]:
        # The pair's name before the row's: both twins must come at the same place in their suites.
        return (
            row.twin_id not in partners,
            stable_id(str(seed), min(row.id, row.twin_id or row.id)),
            row.id,
        )

    # Partners first in this order too: the others go on where their principles' turns have got to.
    order = in_turn(sorted(rows, key=drawn), behind=lambda row: row.twin_id not in partners)
    return {row.id for row in order[:limit]}
