"""Every two texts that share enough of their words or word n-grams: exact, by blocks, without
comparing each with each.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

ROUNDING = 1e-9
PANEL = 1 << 16
"""Indexed texts at a time."""
BLOCK = 1 << 20
"""Meetings of two texts on a gram at a time; with PANEL it bounds the memory beside that of the
sets, and fits the cache."""
LANES, LANE_BITS = 4, 64

Ints = NDArray[np.int64]
Wanted = Callable[[Ints, Ints], NDArray[np.bool_]]


class Near(NamedTuple):
    """Pairs at or above the threshold, as positions in the texts that were given."""

    left: Ints
    right: Ints
    similarity: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class GramSets:
    """Texts as sets of grams, shortest first; the grams are numbered from the rarest to the
    commonest.
    """

    grams: Any
    """csr_array, a row a text, its columns in order."""
    positions: Ints
    """Of each row among the texts that were given."""
    sizes: Ints
    signatures: NDArray[np.uint64]
    """(LANES, rows); each gram sets one of 256 bits, the 256 commonest one each of their own."""
    unshared: int
    """Grams below this number occur in one text only."""

    def __len__(self) -> int:
        return len(self.sizes)

    def prefix(self, share: float, start: int, stop: int) -> Any:
        """The rarest grams of rows start to stop, as many as a text that has at least `share` of
        the row's grams must touch.
        """
        sizes, bounds = self.sizes[start:stop], self.grams.indptr[start : stop + 1]
        columns = self.grams.indices[bounds[0] : bounds[-1]]
        # Prefix filter: two sets that share k of n grams share one among any n - k + 1 of them; the
        # rarest are met least often.
        wanted = sizes - np.ceil(share * sizes - ROUNDING).astype(np.int64) + 1
        place = np.arange(len(columns)) - np.repeat(bounds[:-1] - bounds[0], sizes)
        # A gram that only one text holds can lead to no other text.
        kept = (place < np.repeat(wanted, sizes)) & (columns >= self.unshared)
        ends = np.concatenate([[0], np.cumsum(kept)])[bounds - bounds[0]]
        columns = columns[kept] - self.unshared
        return csr_array(
            (np.ones(len(columns), bool), columns, ends),
            shape=(stop - start, self.grams.shape[1] - self.unshared),
        )


def encode(collections: Sequence[Iterable[Sequence[str]]], ngram: int) -> list[GramSets]:
    """The word lists of each collection as sets over one common numbering of grams; a text of fewer
    words is one gram.
    """
    owners, ids, bounds = _owned_grams(collections, ngram)
    columns = int(ids.max(initial=-1)) + 1
    # One number for text and gram, so that repeats of a gram in a text go with a single sort.
    owners, ids = np.divmod(_distinct(owners * columns + ids), max(1, columns))
    frequency = np.bincount(ids, minlength=columns)
    ranks = np.empty(columns, np.int64)
    # A stable sort, so that equal frequencies have one order on every machine.
    ranks[np.argsort(frequency, kind="stable")] = np.arange(columns)
    keys = np.sort(owners * columns + ranks[ids])
    ends = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=bounds[-1]))])
    del owners, ids  # at a million texts each array is 150 MB
    rows = csr_array(
        (np.ones(len(keys), np.int16), (keys % max(1, columns)).astype(np.int32), ends),
        shape=(bounds[-1], columns),
    )
    unshared = int((frequency == 1).sum())
    del keys
    return [_by_size(rows[start:stop], unshared) for start, stop in pairwise(bounds)]


def _distinct(numbers: Ints) -> Ints:
    """In order. numpy's unique hashes them first, which for millions of numbers takes several times
    as long as to sort them.
    """
    ordered = np.sort(numbers)
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)]
    found: Ints = ordered[first]
    return found


def _owned_grams(
    collections: Sequence[Iterable[Sequence[str]]], ngram: int
) -> tuple[Ints, Ints, list[int]]:
    """For each gram its text and its number, and where each collection begins and ends among the
    texts.
    """
    known: dict[str, int] = {}
    flat, lengths, bounds = array("q"), array("q"), [0]
    for texts in collections:
        for words in texts:
            lengths.append(len(words))
            flat.extend([known.setdefault(word, len(known)) for word in words])
        bounds.append(len(lengths))
    return *_grams(
        np.frombuffer(flat, np.int64), np.frombuffer(lengths, np.int64), ngram, len(known)
    ), bounds


def _grams(words: Ints, lengths: Ints, ngram: int, known: int) -> tuple[Ints, Ints]:
    """For each run of `ngram` words its text and its number; runs are numbered exactly, by growing
    them word by word.
    """
    owners = np.repeat(np.arange(len(lengths)), lengths)
    ends = np.cumsum(lengths)
    left = np.repeat(ends, lengths) - np.arange(len(words))
    numbers = words
    for step in range(1, ngram):
        following = np.full(len(words), known)
        following[left > step] = words[step:][left[: max(0, len(words) - step)] > step]
        # Numbered anew at every word: products of word numbers would leave 64 bits after a few
        # words.
        numbers = np.unique(numbers * (known + 1) + following, return_inverse=True)[1]
    # A text shorter than a run is one gram: it can still equal another such text.
    starts = (left >= ngram) | (np.arange(len(words)) == np.repeat(ends - lengths, lengths))
    return owners[starts], numbers[starts]


def _by_size(rows: Any, unshared: int) -> GramSets:
    sizes = np.diff(rows.indptr).astype(np.int64)
    positions = np.argsort(sizes, kind="stable")
    rows, sizes = rows[positions], sizes[positions]
    bits = (rows.shape[1] - 1 - rows.indices.astype(np.int64)) % (LANES * LANE_BITS)
    signatures = np.zeros((LANES, len(sizes)), np.uint64)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    # `.at`, as plain indexing keeps one of several bits of the same text.
    np.bitwise_or.at(
        signatures,
        (bits // LANE_BITS, owners),
        np.uint64(1) << (bits % LANE_BITS).astype(np.uint64),
    )
    return GramSets(
        grams=rows, positions=positions, sizes=sizes, signatures=signatures, unshared=unshared
    )


def near_within(sets: GramSets, threshold: float, wanted: Wanted | None = None) -> Iterator[Near]:
    """Every two different texts of one collection at or above the Jaccard threshold, once; `wanted`
    may decline pairs unmeasured.
    """
    # |x & y| >= t (|x| + |y|) / (1 + t), which for the smaller y is at least 2 t / (1 + t) of its
    # own size.
    yield from _near(sets, sets, threshold, share=2 * threshold / (1 + threshold), wanted=wanted)


def near_across(left: GramSets, right: GramSets, threshold: float) -> Iterator[Near]:
    """Every text of one collection with every text of the other at or above the threshold."""
    yield from _near(left, right, threshold, share=threshold, wanted=None)


def _near(
    left: GramSets, right: GramSets, threshold: float, *, share: float, wanted: Wanted | None
) -> Iterator[Near]:
    for rows, columns in _candidates(left, right, threshold, share):
        if wanted:
            kept = wanted(left.positions[rows], right.positions[columns])
            rows, columns = rows[kept], columns[kept]
        rows, columns = _not_ruled_out(left, right, rows, columns, threshold)
        # Measuring copies both sets of a pair, so a sixteenth of a block at a time.
        for start in range(0, len(rows), BLOCK // 16):
            i, j = rows[start : start + BLOCK // 16], columns[start : start + BLOCK // 16]
            shared = left.grams[i].multiply(right.grams[j]).sum(axis=1).astype(np.int64)
            similarity = shared / (left.sizes[i] + right.sizes[j] - shared)
            kept = similarity >= threshold
            yield Near(left.positions[i[kept]], right.positions[j[kept]], similarity[kept])


def _candidates(
    left: GramSets, right: GramSets, threshold: float, share: float
) -> Iterator[tuple[Ints, Ints]]:
    """Rows that share a gram of their prefixes; if y has at least t |x| of x's grams, no later gram
    can be their first common one.
    """
    for start in range(0, len(right), PANEL):
        stop = min(start + PANEL, len(right))
        index = right.prefix(share, start, stop).T.tocsr()
        # Jaccard is at most the ratio of the sizes: only texts of like size are candidates at all.
        lowest, highest = (
            threshold * right.sizes[start] - ROUNDING,
            right.sizes[stop - 1] / threshold + ROUNDING,
        )
        first = max(int(np.searchsorted(left.sizes, lowest)), start if left is right else 0)
        last = int(np.searchsorted(left.sizes, highest, side="right"))
        for block_start, block_stop in _ranges(first, last, PANEL):
            probe = left.prefix(threshold, block_start, block_stop)
            for low, high in _bounded(probe @ np.diff(index.indptr)):
                met = probe[low:high] @ index
                rows = np.repeat(np.arange(low, high), np.diff(met.indptr)) + block_start
                columns = met.indices.astype(np.int64) + start
                # Each pair once, and no text with itself.
                earlier = columns < rows if left is right else slice(None)
                yield rows[earlier], columns[earlier]


def _ranges(first: int, last: int, step: int) -> Iterator[tuple[int, int]]:
    for start in range(first, last, step):
        yield start, min(start + step, last)


def _bounded(work: Ints) -> Iterator[tuple[int, int]]:
    """Runs of rows, each of at most BLOCK work, or of one row."""
    total, low = np.cumsum(work), 0
    while low < len(work):
        done = total[low - 1] if low else 0
        high = max(low + 1, int(np.searchsorted(total, done + BLOCK, side="right")))
        yield low, high
        low = high


def _not_ruled_out(
    left: GramSets, right: GramSets, rows: Ints, columns: Ints, threshold: float
) -> tuple[Ints, Ints]:
    """Pairs that may reach the threshold by their signatures: a bit set in one alone is a gram of
    that one alone.
    """
    allowed = (1 - 2 * threshold / (1 + threshold)) * (
        left.sizes[rows] + right.sizes[columns]
    ) + ROUNDING
    apart = np.zeros(len(rows), np.uint16)
    for ours, theirs in zip(left.signatures, right.signatures, strict=True):
        apart += np.bitwise_count(ours[rows] ^ theirs[columns])
        kept = apart <= allowed
        # Lane by lane: most pairs are ruled out by the first one, and the rest never reads theirs.
        rows, columns, apart, allowed = rows[kept], columns[kept], apart[kept], allowed[kept]
    return rows, columns
