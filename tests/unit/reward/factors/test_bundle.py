"""Heads are read as they were written, without pickle, and not at all where a byte is another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from records.errors import ModelError
from reward.factors.bundle import Bundle, read_bundle, write_bundle
from reward.factors.shipped import FACTS, FOLDER, NUMBERS


def test_what_is_read_is_what_was_written(bundle: Bundle, tmp_path: Path) -> None:
    sha256 = write_bundle(bundle, tmp_path)
    read = read_bundle(tmp_path)
    assert read.sha256 == sha256
    assert read.facts == bundle.facts
    assert read.completion_words.terms == bundle.completion_words.terms
    for name, head in bundle.heads.items():
        np.testing.assert_array_equal(read.heads[name].weight, head.weight)
        assert (read.heads[name].blocks, read.heads[name].classes, read.heads[name].slope) == (
            head.blocks,
            head.classes,
            head.slope,
        )


def test_heads_are_read_as_written_however_their_numbers_lie_in_memory(
    bundle: Bundle, tmp_path: Path
) -> None:
    """A weight of several classes that was transposed on its way lies in memory by features; the
    file must not.
    """
    laid = {
        name: replace(
            head,
            weight=np.asfortranarray(np.repeat(head.weight, 3, axis=1)),
            bias=np.repeat(head.bias, 3, axis=1),
        )
        for name, head in bundle.heads.items()
    }
    write_bundle(replace(bundle, heads=laid), tmp_path)
    for name, head in read_bundle(tmp_path).heads.items():
        np.testing.assert_array_equal(head.weight, laid[name].weight)


def test_the_same_heads_give_the_same_bytes(bundle: Bundle, tmp_path: Path) -> None:
    write_bundle(bundle, tmp_path / "a")
    write_bundle(bundle, tmp_path / "b")
    for name in (NUMBERS, FACTS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_changed_byte_is_told(bundle: Bundle, tmp_path: Path) -> None:
    write_bundle(bundle, tmp_path)
    numbers = bytearray((tmp_path / NUMBERS).read_bytes())
    numbers[-1] ^= 1
    (tmp_path / NUMBERS).write_bytes(numbers)
    with pytest.raises(ModelError, match="sha256"):
        read_bundle(tmp_path)


def test_another_version_and_a_missing_file_are_told(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"heads\.safetensors is not there"):
        read_bundle(tmp_path)
    write_bundle(bundle, tmp_path)
    facts = json.loads((tmp_path / FACTS).read_text())
    (tmp_path / FACTS).write_text(json.dumps({**facts, "version": 0}))
    with pytest.raises(ModelError, match="version 0"):
        read_bundle(tmp_path)
    (tmp_path / FACTS).write_text("[1]")
    with pytest.raises(ModelError, match="not the JSON"):
        read_bundle(tmp_path)


def test_the_shipped_heads_are_small_and_say_where_they_come_from() -> None:
    shipped = read_bundle()
    size = sum((FOLDER / name).stat().st_size for name in (NUMBERS, FACTS))
    assert size < 3_000_000
    assert set(shipped.facts["sources"]) == {
        "xstest",
        "medsafetybench",
        "hh_rlhf",
        "medquad",
        "primum",
        "readings",
    }
    assert all(source["licence"] for source in shipped.facts["sources"].values())
    assert shipped.facts["seed"] == 0


def test_no_number_and_no_address_is_in_the_shipped_vocabularies() -> None:
    shipped = read_bundle()
    for term in (*shipped.completion_words.terms, *shipped.prompt_words.terms):
        assert term.replace(" ", "").replace("'", "").isalpha()
        assert len(term.split()) <= 2
