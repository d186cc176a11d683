"""The rows of a batch as one row of tokens: no padding, and every shared prefix once.

Rows that begin alike (chosen and rejected after one prompt, all rows after one system prompt) are
laid out as a tree, whose nodes are runs of tokens that a set of rows shares. They stand in
depth-first order, and a token looks back at itself, at earlier tokens of its own run, and at the
runs above it; nothing else. Positions are those of the row a token came from.

T = tokens in the packed row, B = rows that were packed, M = tokens and N = completion tokens of all
rows before packing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.layout.mask_blocks import mask_blocks
from models.tokens import TokenRow


class Packed(NamedTuple):
    """Where every token of every row is, what it may look back at, and which places predict
    completion tokens.
    """

    input_ids: Tensor  # (1, T)
    position_ids: Tensor  # (1, T)
    subtree_end: Tensor  # (T,) first place that may no longer look back at this token
    # (N,) places whose hidden state predicts a completion token, row by row; a shared place may
    # come up twice
    predictors: Tensor
    targets: Tensor  # (N,) the tokens predicted
    target_rows: Tensor  # (N,) the row each belongs to
    places: Tensor  # (M,) where each token of each row stands, row by row
    rows: Tensor  # (M,) the row each belongs to
    in_completion: Tensor  # (M,) 1 for its completion, 0 for its prompt
    completion_tokens: Tensor  # (B,)
    blocks: Tensor  # which blocks of keys a block of queries sees (models/layout/mask_blocks.py)
    num_rows: int  # known here: a GPU would have to be waited for

    def to(self, device: torch.device) -> Packed:
        """On that device; copies to a GPU from pinned memory run beside what it computes."""
        return Packed(*(moved(field, device) for field in self))


def moved(value: Any, device: torch.device) -> Any:
    """A tensor, or a named tuple of tensors and of named tuples, on that device.

    Copies to a GPU are not waited for, and from pinned memory run beside what it computes.
    """
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=device.type != "cpu")
    return (
        type(value)(*(moved(field, device) for field in value))
        if hasattr(value, "_fields")
        else value
    )


def pack(rows: list[TokenRow]) -> Packed:
    """Lay rows out as a tree of shared prefixes.

    The rows' order is kept wherever it shows (`target_rows`, `rows`).
    """
    tree = _Tree([row.input_ids for row in rows])
    # Sorted by their tokens, rows that begin alike are neighbours at every depth.
    tree.grow(sorted(range(len(rows)), key=lambda i: rows[i].input_ids), 0)
    predictors, targets, target_rows = [], [], []
    for number, row in enumerate(rows):
        places = tree.places[number]
        for t in range(1, len(row.input_ids)):
            if row.completion_mask[t]:
                # By the place of the token before it in its own row: for a completion's first token
                # that is the prompt's last, which all completions of the prompt share.
                predictors.append(places[t - 1])
                targets.append(row.input_ids[t])
                target_rows.append(number)
    subtree_end, owners = (
        torch.tensor(tree.subtree_end),
        # Without a type an empty list would become float32, and no index.
        torch.tensor(target_rows, dtype=torch.long),
    )
    return Packed(
        input_ids=torch.tensor([tree.ids]),
        position_ids=torch.tensor([tree.positions]),
        subtree_end=subtree_end,
        predictors=torch.tensor(predictors, dtype=torch.long),
        targets=torch.tensor(targets, dtype=torch.long),
        target_rows=owners,
        places=torch.tensor([place for places in tree.places for place in places]),
        rows=torch.tensor([number for number, row in enumerate(rows) for _ in row.input_ids]),
        in_completion=torch.tensor([side for row in rows for side in row.completion_mask]),
        completion_tokens=torch.bincount(owners, minlength=len(rows)),
        blocks=mask_blocks(subtree_end),
        num_rows=len(rows),
    )


class _Tree:
    """A radix tree over token ids, written out depth first."""

    def __init__(self, rows: list[list[int]]) -> None:
        self.rows = rows
        self.ids: list[int] = []
        self.positions: list[int] = []
        self.subtree_end: list[int] = []
        self.places: list[list[int]] = [[] for _ in rows]

    def grow(self, members: list[int], depth: int) -> None:
        """Write `members` (sorted by their ids, alike up to `depth`) from `depth` on: what they
        share once, then each branch.
        """
        # Of sorted rows the first and the last share least: what they share, all share.
        first, final = self.rows[members[0]], self.rows[members[-1]]
        shared = depth
        while shared < min(len(first), len(final)) and first[shared] == final[shared]:
            shared += 1
        start = len(self.ids)
        self._write(members, first[depth:shared], depth)
        # Rows that end here have no branch, and rows that are equal share their last run too.
        for branch in self._branches([m for m in members if len(self.rows[m]) > shared], shared):
            self.grow(branch, shared)
        # Known only now: everything written since then hangs below this run.
        self.subtree_end[start : start + shared - depth] = [len(self.ids)] * (shared - depth)

    def _write(self, members: list[int], tokens: list[int], depth: int) -> None:
        places = range(len(self.ids), len(self.ids) + len(tokens))
        for member in members:
            self.places[member].extend(places)
        self.ids += tokens
        self.positions += range(depth, depth + len(tokens))
        self.subtree_end += [0] * len(tokens)

    def _branches(self, members: list[int], depth: int) -> list[list[int]]:
        branches: list[list[int]] = []
        for member in members:
            if branches and self.rows[branches[-1][0]][depth] == self.rows[member][depth]:
                branches[-1].append(member)
            else:
                branches.append([member])
        return branches
