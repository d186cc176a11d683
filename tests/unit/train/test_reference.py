"""The reference pass: what it gives, and that a cut-off pass goes on where it stopped."""

from __future__ import annotations

import pytest
import torch

from models.collation import padded
from models.logps import collate, completion_logps
from train.config import TrainerConfig
from train.reference import reference_logps

CPU = TrainerConfig(accelerator="cpu", precision="32-true")


def assert_close(got, wanted):
    assert [value for pair in got for value in pair] == pytest.approx([value for pair in wanted for value in pair], rel=1e-5)


def test_each_side_has_its_own_log_probability(tiny_model, make_pairs):
    pairs = make_pairs(5)
    with torch.no_grad():
        wanted = [tuple(completion_logps(tiny_model, collate([side], 0)).item() for side in pair) for pair in pairs]
    got = reference_logps(tiny_model, pairs, padded(0), CPU, None)
    assert_close(got, wanted)


def test_a_pass_that_was_cut_off_goes_on_where_it_stopped(tiny_model, make_pairs, tmp_path):
    pairs, cache = make_pairs(20), tmp_path / "reference.jsonl"
    wanted = reference_logps(tiny_model, pairs, padded(0), CPU, cache)
    lines = cache.read_text().splitlines(keepends=True)
    cache.write_text("".join(lines[:7]) + lines[7][:10])  # killed while it wrote the eighth row
    assert_close(reference_logps(tiny_model, pairs, padded(0), CPU, cache), wanted)
    assert_close(reference_logps(torch.nn.Module(), pairs, padded(0), CPU, cache), wanted)  # nothing is left to ask a model
