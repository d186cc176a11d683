"""The fitted heads as files: numbers in safetensors, everything else in JSON that says where they
come from.

No pickle.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from records.errors import ModelError
from reward.factors.features import Vocabulary
from reward.factors.heads import Head
from reward.factors.shipped import FACTS, FOLDER, NUMBERS

VERSION = 2


@dataclass(frozen=True, kw_only=True)
class Bundle:
    completion_words: Vocabulary
    prompt_words: Vocabulary
    heads: Mapping[str, Head]
    facts: Mapping[str, Any]
    """Sources, licences, rows, seed, embedder, figures, thresholds of abstention."""
    sha256: str = ""
    """Of the numbers."""


def write_bundle(bundle: Bundle, folder: Path) -> str:
    """Writes both files; returns the sha256 of the numbers.

    The same bundle gives the same bytes.
    """
    arrays: dict[str, np.ndarray] = {
        "completion_words.idf": bundle.completion_words.idf.astype(np.float32),
        "prompt_words.idf": bundle.prompt_words.idf.astype(np.float32),
    }
    for name, head in bundle.heads.items():
        arrays |= {
            # Two bytes a weight: with four, the package would carry nearly twice as much.
            f"{name}.weight": head.weight.astype(np.float16),
            f"{name}.bias": head.bias.astype(np.float32),
        }
    # save writes memory as it lies, whatever the order of the axes.
    numbers = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    facts = {
        "version": VERSION,
        "sha256": hashlib.sha256(numbers).hexdigest(),
        "heads": {name: _head_facts(head) for name, head in bundle.heads.items()},
        "facts": dict(bundle.facts),
        # As a list, in the order of the weights: the vocabulary and the numbers match by place.
        "completion_words": list(bundle.completion_words.terms),
        "prompt_words": list(bundle.prompt_words.terms),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NUMBERS).write_bytes(numbers)
    (folder / FACTS).write_text(
        json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    return str(facts["sha256"])


def read_bundle(folder: Path = FOLDER) -> Bundle:
    """Raises ModelError where a file is missing, of another version, or does not hold the numbers
    that were recorded.
    """
    for name in (NUMBERS, FACTS):
        if not (folder / name).is_file():
            raise ModelError(
                f"factor heads {folder}: {name} is not there; wanted the two files that `python -m "
                "reward.factors.fit` writes; fit them, or leave the folder out to use the heads "
                "that ship"
            )
    numbers = (folder / NUMBERS).read_bytes()
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        version, recorded = facts["version"], facts["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"factor heads {folder / FACTS}: not the JSON of fitted heads ({error}); fit them again"
        ) from error
    found = hashlib.sha256(numbers).hexdigest()
    # Two files that do not belong together would give chances without an error.
    if version != VERSION or found != recorded:
        raise ModelError(
            f"factor heads {folder}: got version {version} and sha256 {found}; wanted version "
            f"{VERSION} and {recorded}; copy both files again, or fit them again"
        )
    return _bundle(facts, load(numbers), found)


def _bundle(facts: dict[str, Any], arrays: dict[str, np.ndarray], sha256: str) -> Bundle:
    heads = {}
    for name, said in facts["heads"].items():
        fields = {**said, "blocks": tuple(said["blocks"]), "classes": tuple(said["classes"])}
        weight, bias = arrays[f"{name}.weight"].astype(np.float32), arrays[f"{name}.bias"]
        heads[name] = Head(**fields, weight=weight, bias=bias)
    words = {}
    for kind in ("completion_words", "prompt_words"):
        words[kind] = _vocabulary(facts[kind], arrays[f"{kind}.idf"])
    return Bundle(**words, heads=heads, facts=facts["facts"], sha256=sha256)


def _vocabulary(terms: list[str], idf: np.ndarray) -> Vocabulary:
    return Vocabulary(terms=tuple(terms), idf=idf.astype(np.float64))


def _head_facts(head: Head) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for f in dataclasses.fields(head):
        if f.name not in ("weight", "bias"):
            made[f.name] = getattr(head, f.name)
    return made
