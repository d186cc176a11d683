"""Embeddings kept in a file, so that fitting again costs no hour."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reward.factors.features import Embed

KEPT = "embeddings.npz"


class KeptEmbeddings:
    """An embedder that asks another one only for texts that the file does not hold."""

    def __init__(self, embed: Embed, folder: Path) -> None:
        self.embed, self.path = embed, folder / KEPT
        self.rows: dict[str, NDArray[np.float32]] = {}
        if self.path.is_file():
            # A file of a cache is no code to run.
            with np.load(self.path, allow_pickle=False) as kept:
                self.rows = dict(zip(kept["k"].tolist(), kept["v"], strict=True))

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        keys = []
        for text in texts:
            # Halves of characters, which occur in models' completions, have no UTF-8 of their own.
            keys.append(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24])
        missing = []
        for place, key in enumerate(keys):
            if key not in self.rows:
                missing.append(place)
        if missing:
            found = self.embed([texts[place] for place in missing])
            self.rows |= dict(zip([keys[place] for place in missing], found, strict=True))
            self.path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                self.path,
                k=np.array(list(self.rows)),
                v=np.array(list(self.rows.values()), dtype=np.float32),
            )
        return np.array([self.rows[key] for key in keys], dtype=np.float32)
