"""Groups from links between two."""

from __future__ import annotations

from collections.abc import Hashable


class Union:
    """Things joined two by two; whatever is linked by any chain has one root."""

    def __init__(self) -> None:
        self._parent: dict[Hashable, Hashable] = {}

    def root(self, thing: Hashable) -> Hashable:
        parent = self._parent.setdefault(thing, thing)
        while parent != self._parent[parent]:
            parent = self._parent[parent]
        self._parent[thing] = parent
        return parent

    def join(self, left: Hashable, right: Hashable) -> None:
        self._parent[self.root(left)] = self.root(right)
