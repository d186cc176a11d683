"""The reference pass: what it gives, and that a cut-off pass goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import torch

from models.layout.collation import Collation, padded
from models.layout.logps import Batch, collate, completion_logps
from models.tokens import TokenRow
from records.errors import PreemptedError
from train.config import TrainerConfig
from train.dpo import DpoRows
from train.reference import ReferencePass, reference_logps

if TYPE_CHECKING:
    from models.layout.packing import Packed

CPU = TrainerConfig(accelerator="cpu", precision="32-true")


def assert_close(got: Sequence[tuple[float, float]], wanted: Sequence[tuple[float, ...]]) -> None:
    assert [value for pair in got for value in pair] == pytest.approx(
        [value for pair in wanted for value in pair], rel=1e-5
    )


def test_each_side_has_its_own_log_probability(
    tiny_model: Any, make_pairs: Callable[[int], list[tuple[TokenRow, TokenRow]]]
) -> None:
    pairs = make_pairs(5)
    with torch.no_grad():
        wanted = [
            tuple(completion_logps(tiny_model, collate([side], 0)).item() for side in pair)
            for pair in pairs
        ]
    got = reference_logps(tiny_model, pairs, padded(0), CPU)
    assert_close(got, wanted)


def test_a_pass_that_was_cut_off_goes_on_where_it_stopped(
    tiny_model: Any, make_pairs: Callable[[int], list[tuple[TokenRow, TokenRow]]], tmp_path: Path
) -> None:
    pairs = make_pairs(20)
    wanted = reference_logps(tiny_model, pairs, padded(0), CPU, tmp_path)
    (shard,) = tmp_path.glob("*.jsonl")
    lines = shard.read_text().splitlines(keepends=True)
    assert len(lines) == 40
    shard.write_text("".join(lines[:7]) + lines[7][:10])  # killed while it wrote the eighth row
    assert_close(reference_logps(tiny_model, pairs, padded(0), CPU, tmp_path), wanted)
    assert sorted(len(path.read_text().splitlines()) for path in tmp_path.glob("*.jsonl")) == [
        8,
        33,
    ]
    # Nothing is left to ask a model.
    assert_close(reference_logps(torch.nn.Module(), pairs, padded(0), CPU, tmp_path), wanted)


def test_rows_that_a_kill_left_are_computed_in_the_batches_they_would_have_been_in(
    tiny_model: Any,
    make_pairs: Callable[[int], list[tuple[TokenRow, TokenRow]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row's last digits depend on the rows beside it, and training would carry the difference on.

    One of two ranks is through, one has not begun.
    """
    batches: list[list[TokenRow]] = []

    class Recorded(Collation):
        def __call__(self, rows: list[TokenRow]) -> Batch | Packed:
            batches.append(rows)
            return super().__call__(rows)

    def killed(*_: object) -> NoReturn:
        raise PreemptedError("killed")

    pairs, config = (
        make_pairs(40),
        TrainerConfig(accelerator="cpu", precision="32-true", micro_batch_tokens=256),
    )
    batch_rows = Recorded(0, "asked for")
    wanted, whole = reference_logps(tiny_model, pairs, batch_rows, config), batches.copy()
    monkeypatch.setattr("train.reference.over_ranks", killed)
    second = SimpleNamespace(
        global_rank=1, world_size=2, strategy=SimpleNamespace(broadcast=lambda value: value)
    )
    with pytest.raises(PreemptedError):
        ReferencePass(DpoRows(pairs, batch_rows), config, tmp_path).setup(
            second, SimpleNamespace(model=tiny_model), "fit"
        )
    assert reference_logps(tiny_model, pairs, batch_rows, config, tmp_path) == wanted
    assert batches == whole + whole[1::2] + whole[::2]


def test_a_changed_row_alone_is_computed_again(
    tiny_model: Any, make_pairs: Callable[[int], list[tuple[TokenRow, TokenRow]]], tmp_path: Path
) -> None:
    pairs = make_pairs(6)
    reference_logps(tiny_model, pairs, padded(0), CPU, tmp_path)
    chosen = pairs[0][0]
    changed = chosen._replace(input_ids=[*chosen.input_ids[:-1], 7])
    reference_logps(tiny_model, [(changed, pairs[0][1]), *pairs[1:]], padded(0), CPU, tmp_path)
    assert sorted(len(path.read_text().splitlines()) for path in tmp_path.glob("*.jsonl")) == [
        1,
        12,
    ]


def test_the_pass_fills_the_rows_before_the_first_step(
    tiny_model: Any, make_pairs: Callable[[int], list[tuple[TokenRow, TokenRow]]], tmp_path: Path
) -> None:
    pairs = make_pairs(5)
    rows = DpoRows(pairs, padded(0))
    alone = SimpleNamespace(
        global_rank=0, world_size=1, strategy=SimpleNamespace(broadcast=lambda value: value)
    )
    ReferencePass(rows, CPU, tmp_path).setup(alone, SimpleNamespace(model=tiny_model), "fit")
    assert_close(rows.ref_logps, reference_logps(tiny_model, pairs, padded(0), CPU))


def test_padded_batches_stay_within_the_budget_with_their_padding(tiny_model: Any) -> None:
    """Rows in the order of their tokens: a long one would widen the short ones beside it."""
    lengths = [20 + 37 * i % 181 for i in range(40)]
    sides = [
        TokenRow([5 + i, *[3] * (length - 1)], [0, *[1] * (length - 1)], False)
        for i, length in enumerate(lengths)
    ]
    widths: list[tuple[int, int]] = []

    class Recorded(Collation):
        def __call__(self, rows: list[TokenRow]) -> Any:
            widths.append((len(rows), max(len(row.input_ids) for row in rows)))
            return super().__call__(rows)

    pairs = list(zip(sides[::2], sides[1::2], strict=True))
    config = TrainerConfig(accelerator="cpu", precision="32-true", micro_batch_tokens=400)
    reference_logps(tiny_model, pairs, Recorded(0, "asked for"), config)
    assert sum(rows for rows, _ in widths) == 40
    assert max(rows * width for rows, width in widths) <= 400
    computed = sum(rows * width for rows, width in widths)
    assert computed <= 1.2 * sum(lengths)  # neighbours are about equally long
