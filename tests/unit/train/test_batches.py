"""One plan of steps for every number of ranks and every micro-batch size."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data_prep.errors import ConfigError
from train.batches import BatchPlan, PlanLoader

WORLDS = (1, 2, 4)


@st.composite
def plans(draw):
    """(plan, epoch) for any rows, batch sizes and ranks that make a plan."""
    count = draw(st.integers(1, 40))
    lengths = draw(st.lists(st.integers(1, 50), min_size=count, max_size=count))
    weights = draw(st.lists(st.integers(1, 30), min_size=count, max_size=count))
    sizes = draw(st.integers(1, 16)), draw(st.integers(1, 8)), draw(st.sampled_from(WORLDS))
    try:
        plan = BatchPlan(lengths, weights, *sizes, draw(st.integers(0, 5)))
    except ConfigError:
        assume(False)
    return plan, draw(st.integers(0, 3))


def per_step(plan, epoch):
    """Rows of each step, over all ranks and micro-batches, with what each row counts in the step's loss."""
    ranks = [plan.micro_batches(epoch, rank) for rank in range(plan.world_size)]
    steps = []
    for start in range(0, len(ranks[0]), plan.accumulation):
        counted = {}
        for batches in ranks:
            for rows, scale in batches[start : start + plan.accumulation]:
                # what Lightning (mean over accumulation) and the ranks (mean over gradients) make of a row's loss
                if scale:
                    counted |= {row: scale / plan.accumulation / plan.world_size for row in rows}
        steps.append(counted)
    return steps


@settings(max_examples=150, deadline=None)
@given(plans())
def test_every_row_is_seen_once_an_epoch(made):
    plan, epoch = made
    rows = [row for rank in range(plan.world_size) for batch, scale in plan.micro_batches(epoch, rank) if scale for row in batch]
    assert sorted(rows) == list(range(len(plan.lengths)))


@settings(max_examples=150, deadline=None)
@given(plans())
def test_no_micro_batch_is_empty_or_too_large_and_ranks_have_equally_many(made):
    plan, epoch = made
    ranks = [plan.micro_batches(epoch, rank) for rank in range(plan.world_size)]
    assert {len(batches) for batches in ranks} == {plan.steps_per_epoch * plan.accumulation}
    sizes = [len(rows) for batches in ranks for rows, _ in batches]
    assert min(sizes) >= 1
    assert max(sizes) <= plan.micro_batch_size


@settings(max_examples=150, deadline=None)
@given(plans())
def test_a_step_is_the_weighted_mean_of_its_rows(made):
    plan, epoch = made
    for counted in per_step(plan, epoch):
        total = sum(plan.weights[row] for row in counted)
        assert all(share == pytest.approx(1 / total) for share in counted.values())
        assert sum(plan.weights[row] * share for row, share in counted.items()) == pytest.approx(1)


@settings(max_examples=100, deadline=None)
@given(st.integers(64, 120), st.sampled_from([15, 16, 32]), st.integers(0, 3), st.integers(0, 3))
def test_steps_hold_the_same_rows_for_every_number_of_ranks_and_micro_batch_size(count, global_batch, seed, epoch):
    lengths = [1 + (7 * i) % 13 for i in range(count)]
    wanted = None
    for world in WORLDS:
        for micro in (1, 2, 3, 4, 8):
            plan = BatchPlan(lengths, [1] * count, global_batch, micro, world, seed)
            steps = [sorted(step) for step in per_step(plan, epoch)]
            assert wanted in (None, steps)
            wanted = steps


@settings(max_examples=100, deadline=None)
@given(plans())
def test_steps_differ_in_size_by_one_at_most_and_none_is_above_the_global_batch(made):
    plan, epoch = made
    sizes = Counter(len(step) for step in plan.steps(epoch))
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= plan.global_batch_size


def test_epochs_are_shuffled_differently_and_a_seed_repeats_them():
    plan = BatchPlan([1] * 40, [1] * 40, 8, 2, 1, 0)
    assert plan.steps(0) != plan.steps(1)
    assert plan.steps(1) == BatchPlan([1] * 40, [1] * 40, 8, 4, 2, 0).steps(1)
    assert plan.steps(0) != BatchPlan([1] * 40, [1] * 40, 8, 2, 1, 1).steps(0)


@pytest.mark.parametrize(("rows", "global_batch", "world"), [(0, 16, 1), (1, 16, 2), (3, 16, 4), (40, 2, 4), (9, 4, 4)])
def test_too_few_rows_in_a_step_for_the_ranks_are_a_config_error(rows, global_batch, world):
    with pytest.raises(ConfigError, match="fewer than"):
        BatchPlan([1] * rows, [1] * rows, global_batch, 1, world, 0)


def test_a_part_that_a_step_cannot_fill_repeats_its_shortest_row_at_weight_zero():
    """13 rows in one step, 2 ranks, micro-batch 1: 7 passes a rank are 14 parts, one more than there are rows."""
    plan = BatchPlan(list(range(13, 0, -1)), [1] * 13, 13, 1, 2, 0)
    assert [plan.accumulation, len(plan.micro_batches(0, 0)), len(plan.micro_batches(0, 1))] == [7, 7, 7]
    assert plan.micro_batches(0, 1)[-1] == ([12], 0.0)


def test_a_loader_goes_on_where_its_state_says():
    plan = BatchPlan([1] * 12, [1] * 12, 4, 2, 1, 0)
    loader = PlanLoader(plan, 0, lambda rows, scale: rows)
    loader.plan_sampler.set_epoch(1)
    iterator = iter(loader)
    taken = [next(iterator), next(iterator)]
    state = loader.state_dict()
    again = PlanLoader(plan, 0, lambda rows, scale: rows)
    again.load_state_dict(state)
    again.plan_sampler.set_epoch(1)
    assert [*taken, *again] == [rows for rows, _ in plan.micro_batches(1, 0)]
    assert len(list(again)) == 6  # the next epoch is whole
