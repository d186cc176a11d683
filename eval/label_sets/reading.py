"""The sets of labels that are known, each by one line, and all of a command's read with every fault
at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from eval.label_sets import do_not_answer, hh_rlhf, kqa, rewardbench, table, xstest
from eval.label_sets.items import LabelSet
from records.errors import PrimumError, RecordError
from records.rows import shorten

Reader = Callable[[Path, str], LabelSet]
LABEL_SETS: dict[str, Reader] = {
    "do_not_answer": do_not_answer.read,
    "xstest": xstest.read,
    "kqa": kqa.read,
    "hh_rlhf": hh_rlhf.read,
    "rewardbench": rewardbench.read,
    "csv": table.read,
}
"""Each reads a path and gives its set the name that is handed in."""


def read_label_sets(words: Sequence[str]) -> list[LabelSet]:
    """The sets behind NAME=PATH words. Raises RecordError with the faults of all of them."""
    sets, faults = [], []
    given = [word.partition("=") for word in words]
    kinds = Counter(kind for kind, _, _ in given)
    for kind, _, path in given:
        if kind not in LABEL_SETS or not path:
            faults.append(_unknown(kind, path))
            continue
        place = Path(path).expanduser()
        # Two sets of a kind are told apart by their files; one keeps the plain name.
        name = kind if kinds[kind] == 1 else f"{kind}_{place.name.split('.')[0]}"
        if not place.exists():
            faults.append(
                f"--labels {kind}={path}: no such file or folder; give the path of the set"
            )
            continue
        try:
            sets.append(LABEL_SETS[kind](place, name))
        except PrimumError as error:
            faults += error.faults
    twice = [name for name, count in Counter(found.name for found in sets).items() if count > 1]
    faults += [f"--labels: two sets are called {name}; rename one of their files" for name in twice]
    # All scores would be of nothing, which looks like a perfect report.
    for found in sets:
        if not found.items:
            faults.append(
                f"--labels {found.name}: holds no completion to judge; give a set with rows"
            )
    if faults:
        raise RecordError(shorten(faults))
    return sets


def _unknown(kind: str, path: str) -> str:
    if kind in LABEL_SETS:
        return f"--labels {kind}: no path; write {kind}=PATH"
    close = get_close_matches(kind, LABEL_SETS, n=1)
    meant = f" (did you mean {close[0]}?)" if close else ""
    return (
        f"--labels {kind}{'=' * bool(path)}{path}: no set of labels is called {kind!r}{meant}; "
        f"wanted NAME=PATH with {', '.join(LABEL_SETS)}"
    )
