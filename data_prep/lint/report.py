"""What was looked for in how many rows, what was not and why, and every fault with its row's id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

from data_prep.config import LintConfig
from data_prep.lint.faults import FAULT_KINDS, Fault, Unit, encodable
from data_prep.lint.items import Item
from data_prep.lint.pairs import preference_faults
from data_prep.lint.rows import completion_faults, text_faults
from data_prep.lint.tells import MIN_PAIRS, is_biased, length_bias, openings
from records.errors import ResourceError

Refuses = Callable[[str], str]
"""What a completion does: full, partial or none."""
NO_DETECTOR = "no refusal detector was given"


def fault_line(counts: Mapping[str, int]) -> str:
    """What a stage prints of its lint.json."""
    return (
        "lint: "
        + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        + "; see lint.json"
    )


class LeftOut(NamedTuple):
    """What was dropped before the report is made, and of how many."""

    faults: list[Fault]
    read: dict[Unit, int]
    not_checked: Mapping[str, str] = MappingProxyType({})
    """Kinds that were not looked for, and why."""


def units(items: Sequence[Item]) -> dict[Unit, int]:
    """How many of each unit there are, which counts of faults are set against."""
    completions = Counter(item.kind for item in items if item.has_completion)
    return {
        "rows": len(items),
        "harmful requests": sum(item.kind == "harmful" for item in items),
        "completions": completions.total(),
        "safe completions": completions["harmful"],
        "helpful completions": completions["benign"],
        "pairs": sum(item.is_preference for item in items),
    }


class Report:
    """Filled fault by fault, then written."""

    def __init__(self, items: Sequence[Item], config: LintConfig, left_out: LeftOut | None) -> None:
        self._items, self._config = items, config
        self._left_out = left_out or LeftOut([], units(items))
        self._kept = units(items)
        # Faults are told by source, since a user mends a source and not a row.
        self._sources = {item.id: item.source for item in items}
        self._whole_set: dict[str, float] = {}
        self._shown: dict[str, Any] = {}
        self.faults: list[Fault] = []
        self.not_checked: dict[str, str] = dict(self._left_out.not_checked)

    def skip(self, kinds: Iterable[str], why: str) -> None:
        """These kinds of fault were not looked for, and why."""
        self.not_checked |= dict.fromkeys(kinds, why)

    def add(self, faults: Iterable[Fault]) -> None:
        """Add faults, each with the source of its row."""
        self.faults += (fault._replace(source=self._sources.get(fault.id, "")) for fault in faults)

    def inspect(self, refuses: Refuses | None) -> None:
        """All that is looked for in demonstrations and in pairs alike."""
        self.add(fault for item in self._items for fault in text_faults(item))
        self.add(fault for _, fault in preference_faults(self._items))
        if refuses is None:
            self.skip(("no_refusal", "refusal_of_benign"), NO_DETECTOR)
        else:
            self.add(fault for item in self._items for fault in completion_faults(item, refuses))
        self.add(self._tells())
        if self._config.personal_data:
            self.add(_personal_data(self._items))
        else:
            self.skip(("personal_data",), "data.lint.personal_data is false")

    def to_json(self) -> dict[str, Any]:
        """As lint.json has it."""
        left_out = self._left_out.faults
        counts = Counter(fault.kind for fault in (*left_out, *self.faults))
        checked = {}
        for kind, found in FAULT_KINDS.items():
            # Dropped kinds were looked for in all rows that were read, the others in what was kept.
            checked[kind] = (self._left_out.read if found.dropped else self._kept)[found.of]
        checked = {kind: n for kind, n in checked.items() if kind not in self.not_checked}
        absent = {}
        for kind, n in checked.items():
            if not n:
                absent[kind] = f"there are no {FAULT_KINDS[kind].of} here"
        # Faults of the whole set have a size of their own; a count of 1 over all rows would say
        # nothing.
        sizes = {kind: round(n / checked[kind], 4) for kind, n in counts.items()} | self._whole_set
        return {
            "fault_counts": dict(counts),
            "sizes": sizes,
            "checked": {kind: n for kind, n in checked.items() if n},
            "not_checked": self.not_checked | absent,
            **self._shown,
            "faults": (
                [{**_printable(fault), "dropped": True} for fault in left_out]
                + [{**_printable(fault), "dropped": False} for fault in self.faults]
            ),
        }

    def _tells(self) -> Iterator[Fault]:
        """Faults of the whole set, and the figures behind them."""
        shares = openings(self._items)
        bias = length_bias([item for item in self._items if item.is_preference])
        # With no pairs at all, "there are no pairs here" is the truer reason.
        if 0 < self._kept["pairs"] < MIN_PAIRS:
            self.skip(("length_bias",), f"wants {MIN_PAIRS} pairs")
        self._shown = {"openings": shares, "length_bias": bias}
        limit = self._config.max_opening_share
        for words, share in shares.items():
            if share > limit:
                yield Fault(
                    "opening_share",
                    "",
                    f'"{words}" opens {share:.0%} of {self._kept["safe completions"]} safe '
                    f"completions, wanted at most {limit:.0%}",
                )
        if shares:
            self._whole_set["opening_share"] = max(shares.values())
        # With a limit of 0: what is recorded is whether there is a bias; what is reported, whether
        # it is large.
        if is_biased(bias, 0.0):
            self._whole_set["length_bias"] = abs(bias["effect"])
        if is_biased(bias, self._config.max_length_bias):
            low, high = bias["interval"]
            yield Fault(
                "length_bias",
                "",
                f"chosen - rejected is {bias['effect']:+.2f} standard deviations of words "
                f"({low:+.2f} to {high:+.2f}, {bias['n']} pairs), wanted within "
                f"{self._config.max_length_bias:.2f}",
            )


def _printable(fault: Fault) -> dict[str, str]:
    return {name: encodable(text) for name, text in fault._asdict().items()}


def by_source(report: Mapping[str, Any], kind: str) -> dict[str, int]:
    """How many faults of one kind each source has, the most first; nothing of pairs."""
    return dict(
        Counter(
            fault["source"]
            for fault in report["faults"]
            if fault["kind"] == kind and fault["source"]
        ).most_common()
    )


def _personal_data(items: Sequence[Item]) -> Iterator[Fault]:
    """One fault a row, with kinds and places only."""
    try:
        # Imported here: the libraries are an extra that most installations do not have.
        find = import_module("data_prep.lint.personal_data").finder()
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"data.lint.personal_data is true and {error.name} is not installed; pip install -e "
            "'.[pii]', or set it to false"
        ) from error
    for item in items:
        places = []
        for name, text in item.texts().items():
            for kind, start, end in find(text):
                places.append(f"{kind} at {start}-{end} of the {name}")
        if places:
            yield Fault("personal_data", item.id, "; ".join(places))
