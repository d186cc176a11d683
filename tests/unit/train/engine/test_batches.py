"""One plan of steps for every number of ranks and every token budget."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from records.errors import ConfigError
from train.engine.batches import BatchPlan
from train.engine.loader import PlanLoader

WORLDS = (1, 2, 4)


def plan_of(
    lengths: list[int],
    *,
    weights: list[int] | None = None,
    padded: bool = False,
    global_batch: int = 8,
    tokens: int = 2,
    world: int = 1,
    epochs: int = 1,
    seed: int = 0,
    units: list[int] | None = None,
) -> BatchPlan:
    return BatchPlan(
        lengths=lengths,
        weights=weights or [1] * len(lengths),
        padded=padded,
        global_batch_size=global_batch,
        micro_batch_tokens=tokens,
        world_size=world,
        epochs=epochs,
        seed=seed,
        units=units,
    )


@st.composite
def plans(draw: st.DrawFn) -> tuple[BatchPlan, int]:
    """(plan, epoch) for any rows, batch sizes and ranks that make a plan."""
    count = draw(st.integers(1, 40))
    lengths = draw(st.lists(st.integers(1, 50), min_size=count, max_size=count))
    weights = draw(st.lists(st.integers(1, 30), min_size=count, max_size=count))
    try:
        plan = plan_of(
            lengths,
            weights=weights,
            padded=draw(st.booleans()),
            global_batch=draw(st.integers(1, 16)),
            tokens=draw(st.integers(1, 300)),
            world=draw(st.sampled_from(WORLDS)),
            epochs=4,
            seed=draw(st.integers(0, 5)),
            units=draw(st.none() | st.lists(st.integers(0, 5), min_size=count, max_size=count)),
        )
    except ConfigError:
        assume(False)
    return plan, draw(st.integers(0, 3))


def tokens_of(plan: BatchPlan, rows: list[int]) -> int:
    lengths = [plan.lengths[row] for row in rows]
    return len(lengths) * max(lengths) if plan.padded else sum(lengths)


def per_step(plan: BatchPlan, epoch: int) -> list[dict[int, float]]:
    """Rows of each step, over all ranks and micro-batches, with what each row counts in the step's
    loss.
    """
    ranks = [plan.micro_batches(epoch, rank) for rank in range(plan.world_size)]
    steps = []
    for start in range(0, len(ranks[0]), plan.accumulation):
        counted: dict[int, float] = {}
        for batches in ranks:
            for rows, scale in batches[start : start + plan.accumulation]:
                # what Lightning (mean over accumulation) and the ranks (mean over gradients) make
                # of a row's loss
                if scale:
                    counted |= {row: scale / plan.accumulation / plan.world_size for row in rows}
        steps.append(counted)
    return steps


@settings(max_examples=150, deadline=None)
@given(plans())
def test_every_row_is_seen_once_an_epoch(made: tuple[BatchPlan, int]) -> None:
    plan, epoch = made
    rows = [
        row
        for rank in range(plan.world_size)
        for batch, scale in plan.micro_batches(epoch, rank)
        if scale
        for row in batch
    ]
    assert sorted(rows) == list(range(len(plan.lengths)))


@settings(max_examples=150, deadline=None)
@given(plans())
def test_no_micro_batch_is_empty_or_above_the_budget_and_ranks_have_equally_many(
    made: tuple[BatchPlan, int],
) -> None:
    plan, epoch = made
    ranks = [plan.micro_batches(epoch, rank) for rank in range(plan.world_size)]
    assert {len(batches) for batches in ranks} == {plan.steps_per_epoch * plan.accumulation}
    micro_batches = [rows for batches in ranks for rows, _ in batches]
    assert all(micro_batches)
    assert all(
        len(rows) == 1 or tokens_of(plan, rows) <= plan.micro_batch_tokens for rows in micro_batches
    )


@settings(max_examples=150, deadline=None)
@given(plans())
def test_no_other_cut_of_a_step_into_as_many_runs_has_a_smaller_largest_one(
    made: tuple[BatchPlan, int],
) -> None:
    """Against a plain search over all consecutive cuts, for steps small enough to try them all."""
    plan, epoch = made
    parts = [plan.micro_batches(epoch, rank) for rank in range(plan.world_size)]
    for number, step in enumerate(plan.steps(epoch)):
        ordered = plan._by_length(step)
        if len(ordered) > 8:
            continue
        mine = [
            rows
            for batches in parts
            for rows, scale in batches[number * plan.accumulation :][: plan.accumulation]
            if scale
        ]
        count = min(plan.parts, len(ordered))
        cuts = itertools.combinations(range(1, len(ordered)), count - 1)
        best = min(
            max(
                tokens_of(plan, ordered[a:b])
                for a, b in itertools.pairwise([0, *cut, len(ordered)])
            )
            for cut in cuts
        )
        assert max(tokens_of(plan, rows) for rows in mine) == best


def test_micro_batches_are_as_few_as_the_fullest_step_of_the_run_allows() -> None:
    plan = plan_of([10, 10, 10, 10, 40, 40, 40, 40], global_batch=4, tokens=80, epochs=50)
    fullest = max(
        sum(plan.lengths[row] for row in step) for epoch in range(50) for step in plan.steps(epoch)
    )
    assert fullest == 160  # some epoch puts all four long rows into one step
    assert plan.accumulation == 2
    assert plan_of([10] * 8, global_batch=4, tokens=80).accumulation == 1


@settings(max_examples=150, deadline=None)
@given(plans())
def test_a_step_is_the_weighted_mean_of_its_rows(made: tuple[BatchPlan, int]) -> None:
    plan, epoch = made
    for counted in per_step(plan, epoch):
        total = sum(plan.weights[row] for row in counted)
        assert all(share == pytest.approx(1 / total) for share in counted.values())
        assert sum(plan.weights[row] * share for row, share in counted.items()) == pytest.approx(1)


@settings(max_examples=100, deadline=None)
@given(st.integers(64, 120), st.sampled_from([15, 16, 32]), st.integers(0, 3), st.integers(0, 3))
def test_steps_hold_the_same_rows_for_every_number_of_ranks_and_token_budget(
    count: int, global_batch: int, seed: int, epoch: int
) -> None:
    lengths = [1 + (7 * i) % 13 for i in range(count)]
    wanted = None
    for world in WORLDS:
        for micro in (1, 20, 30, 100):
            plan = plan_of(lengths, global_batch=global_batch, tokens=micro, world=world, seed=seed)
            steps = [sorted(step) for step in per_step(plan, epoch)]
            assert wanted in (None, steps)
            wanted = steps


@settings(max_examples=100, deadline=None)
@given(plans())
def test_steps_differ_in_size_by_one_at_most_and_none_is_above_the_global_batch(
    made: tuple[BatchPlan, int],
) -> None:
    plan, epoch = made
    sizes = Counter(len(step) for step in plan.steps(epoch))
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= plan.global_batch_size


def test_answers_to_one_prompt_are_in_one_step_and_one_micro_batch_where_they_fit() -> None:
    units = [i // 2 for i in range(64)]
    plan = plan_of([10 + i % 7 for i in range(64)], global_batch=16, tokens=70, units=units)
    for epoch in range(3):
        for step in plan.steps(epoch):
            assert all(count == 2 for count in Counter(units[row] for row in step).values())
        together = sum(
            len(rows) - len({units[row] for row in rows})
            for rows, _ in plan.micro_batches(epoch, 0)
        )
        assert together >= 32 - 4 * (plan.accumulation - 1)  # of 32 prompts; a cut may part one


def test_epochs_are_shuffled_differently_and_a_seed_repeats_them() -> None:
    plan = plan_of([1] * 40)
    assert plan.steps(0) != plan.steps(1)
    assert plan.steps(1) == plan_of([1] * 40, tokens=4, world=2).steps(1)
    assert plan.steps(0) != plan_of([1] * 40, seed=1).steps(0)


@pytest.mark.parametrize(
    ("rows", "global_batch", "world"), [(0, 16, 1), (1, 16, 2), (3, 16, 4), (40, 2, 4), (9, 4, 4)]
)
def test_too_few_rows_in_a_step_for_the_ranks_are_a_config_error(
    rows: int, global_batch: int, world: int
) -> None:
    with pytest.raises(ConfigError, match="fewer than"):
        plan_of([1] * rows, global_batch=global_batch, world=world)


def test_a_part_that_a_step_cannot_fill_repeats_its_shortest_row_at_weight_zero() -> None:
    """13 rows in one step, 2 ranks, each row alone: 7 passes a rank are 14 parts, one more than
    there are rows.
    """
    plan = plan_of(list(range(13, 0, -1)), global_batch=13, tokens=1, world=2)
    assert [plan.accumulation, len(plan.micro_batches(0, 0)), len(plan.micro_batches(0, 1))] == [
        7,
        7,
        7,
    ]
    assert plan.micro_batches(0, 1)[-1] == ([12], 0.0)


def test_a_loader_goes_on_where_its_state_says() -> None:
    plan = plan_of([1] * 12, global_batch=4, tokens=2)
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


def test_a_loader_that_packs_ahead_gives_the_same_batches_and_counts_those_given() -> None:
    plan = plan_of([1] * 12, global_batch=4, tokens=2)
    loader = PlanLoader(plan, 0, lambda rows, scale: rows, ahead=True)
    iterator = iter(loader)
    first = [next(iterator), next(iterator)]
    assert loader.state_dict() == {"steps": 1}  # more are packed by now
    assert [*first, *iterator] == [rows for rows, _ in plan.micro_batches(0, 0)]


def test_a_plan_cuts_an_epoch_once_however_often_it_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut: list[int] = []
    steps = BatchPlan.steps

    def recorded(plan: BatchPlan, epoch: int) -> list[list[int]]:
        cut.append(epoch)
        return steps(plan, epoch)

    plan = plan_of([1] * 12, global_batch=4, tokens=2, world=2)
    assert plan.accumulation == 1
    monkeypatch.setattr(BatchPlan, "steps", recorded)
    for epoch in (0, 1, 0):
        for step in range(plan.steps_per_epoch):
            parts = plan.parts_of_steps(epoch)[step]
            assert parts[0::2] == plan.micro_batches(epoch, 0)[step : step + 1]
            assert parts[1::2] == plan.micro_batches(epoch, 1)[step : step + 1]
    assert cut == [0, 1, 0]


@pytest.mark.parametrize("padded", [False, True])
def test_other_rows_of_the_same_places_keep_to_the_budget_on_every_rank(padded: bool) -> None:
    """Row 3 has a long partner: its rank needs passes more, and the others have as many."""
    plan = plan_of([1] * 8, global_batch=8, tokens=4, world=2, padded=padded)
    (parts,) = plan.parts_of_steps(0)
    others = [1, 1, 1, 4, 1, 1, 1, 1]
    shares = [plan.recut(parts, others, rank) for rank in range(2)]
    assert len(shares[0]) == len(shares[1]) > plan.accumulation
    counted: list[int] = []
    for share in shares:
        for rows, scale in share:
            lengths = [others[row] for row in rows]
            assert (len(rows) * max(lengths) if padded else sum(lengths)) <= 4
            counted += rows if scale else []
    assert sorted(counted) == list(range(8))
    assert [plan.recut(parts, plan.lengths, rank) for rank in range(2)] == [
        plan.micro_batches(0, rank) for rank in range(2)
    ]
