"""The reference's log-probabilities: computed once, before the first step, from the policy itself,
by all ranks, and kept.

Whatever the adapter is, the reference is what the policy was at step 0, so the loss at step 0 is ln
2 (sigmoid).
"""

from __future__ import annotations

import hashlib
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytorch_lightning as pl
import torch
from tqdm import tqdm

from models.layout.collation import Collation
from models.layout.logps import completion_logps
from models.ranks import is_sharded, over_ranks
from models.tokens import TokenRow
from records.errors import PreemptedError
from records.own_files import Object, entry, read_rows, sealed_line
from train.config import TrainerConfig, loads_sharded
from train.engine.batches import within_budget
from train.engine.hardware import autocast, uses_gpu
from train.engine.preemption_signal import heard
from train.engine.rows import TrainingRows

Logps = dict[str, float]


class ReferencedRows(TrainingRows, Protocol):
    """Rows whose loss compares them with a reference."""

    @property
    def sides(self) -> list[TokenRow]:
        """Every token row whose reference is wanted."""

    def set_reference(self, logps: list[float]) -> None:
        """Their log-probabilities, in that order."""


class Store(NamedTuple):
    """A folder of log-probabilities of one policy under one arithmetic, by row; `folder` None keeps
    nothing.

    Every writer appends to a file of its own, so ranks and runs share the folder without waiting
    for one another. Nothing is ever rewritten: a line that a kill tore or that is damaged is passed
    over, and costs that row.
    """

    folder: Path | None

    def read(self) -> Logps:
        """What is known already, by the row's key."""
        known: Logps = {}
        for path in sorted(self.folder.glob("*.jsonl")) if self.folder else ():
            known |= dict(read_rows(path, _key_and_logp, own=False)[0])
        return known

    def append(self, writer: str, rows: Iterable[tuple[str, float]]) -> None:
        """Add rows to the file of this writer."""
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / f"{writer}.jsonl").open("a", encoding="utf-8") as file:
                lines = [sealed_line({"key": key, "logp": logp}) for key, logp in rows]
                file.write("".join(lines))  # at once: a kill leaves all or none


def row_key(row: TokenRow) -> str:
    """What a row's log-probability depends on, beside the policy and its arithmetic."""
    # The mask too: the same tokens with another boundary have another sum.
    return hashlib.sha256(repr((row.input_ids, row.completion_mask)).encode()).hexdigest()[:24]


def _key_and_logp(row: Object) -> tuple[str, float]:
    return entry(row, "key", str), entry(row, "logp", float)


def reference_logps(
    model: Any,
    pairs: list[tuple[TokenRow, TokenRow]],
    batch_rows: Collation,
    config: TrainerConfig,
    folder: Path | None = None,
) -> list[tuple[float, float]]:
    """(chosen, rejected) summed log-probability of every pair, under the training arithmetic; rows
    found in `folder` are not computed.
    """
    sides: list[TokenRow] = []
    for pair in pairs:
        sides.extend(pair)
    store, rows = Store(folder), _by_key(sides)
    known = store.read()
    known |= _compute(
        model, _missing(rows, known, batch_rows, config), rows, batch_rows, config, store
    )
    logps = _in_order(sides, known)
    return list(zip(logps[::2], logps[1::2], strict=True))


class ReferencePass(pl.Callback):
    """Fills in the reference of preference rows before training: every rank computes its share, and
    all have all.

    See `ReferencedRows` for what it asks of them.

    Lightning calls `setup` once ranks can talk and before a checkpoint is loaded, so a resumed
    stage too sees the policy of step 0. A sharded model answers only once DeepSpeed holds it; there
    a checkpoint is loaded after `on_fit_start`.
    """

    def __init__(self, rows: ReferencedRows, config: TrainerConfig, folder: Path) -> None:
        self.rows, self.config, self.store = rows, config, Store(folder)

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        """Compute the reference before the strategy wraps the model."""
        if not loads_sharded(self.config):
            self._fill_in(trainer, module)

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Compute the reference once the shards are there."""
        if loads_sharded(self.config):
            self._fill_in(trainer, module)

    def _fill_in(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        rows = _by_key(self.rows.sides)
        # One rank's view of the folder counts: on a network file system others may see it earlier
        # or later.
        known = trainer.strategy.broadcast(
            {key: logp for key, logp in self.store.read().items() if key in rows}
        )
        mine = _missing(rows, known, self.rows.batch_rows, self.config)[
            trainer.global_rank :: trainer.world_size
        ]
        found = _compute(module.model, mine, rows, self.rows.batch_rows, self.config, self.store)
        self.rows.set_reference(
            _in_order(self.rows.sides, known | over_ranks(found, trainer.world_size))
        )


def _by_key(sides: Iterable[TokenRow]) -> dict[str, TokenRow]:
    return {row_key(row): row for row in sides}


def _missing(
    rows: dict[str, TokenRow], known: Logps, batch_rows: Collation, config: TrainerConfig
) -> list[list[str]]:
    """Keys still to do, by batch. Packed, rows with one prompt come together, which is computed
    once; padded, rows of about one length.

    Batches are cut from all rows, known or not and however many ranks there are: the last digits of
    a row depend on the rows beside it, so a pass that was cut off would otherwise end with others
    than one that was not.
    """
    padded = batch_rows.why_padded is not None
    # By tokens: neighbours share the longest beginnings, which a packed batch computes once.
    keys = sorted(rows, key=lambda key: rows[key].input_ids)
    if padded:
        keys.sort(key=lambda key: len(rows[key].input_ids))
    lengths = [batch_rows.tokens([rows[key]]) for key in keys]
    batches = within_budget(range(len(keys)), lengths, config.micro_batch_tokens, padded=padded)
    left = ([keys[i] for i in batch if keys[i] not in known] for batch in batches)
    return [batch for batch in left if batch]


def _in_order(sides: Iterable[TokenRow], known: Logps) -> list[float]:
    return [known[row_key(row)] for row in sides]


def _compute(
    model: Any,
    batches: list[list[str]],
    rows: dict[str, TokenRow],
    batch_rows: Collation,
    config: TrainerConfig,
    store: Store,
) -> Logps:
    sharded = is_sharded(model)
    device = torch.device("cuda" if uses_gpu(config) else "cpu")
    if not sharded:
        model.to(device)
    # The training's own mode: a module with dropout would be another network than the policy.
    model.eval()
    # A file for each process: several appending to one would tear each other's lines on a network
    # file system.
    writer = uuid.uuid4().hex
    found: Logps = {}
    total = sum(len(batch) for batch in batches)
    with tqdm(
        total=total, desc="reference", unit="row", disable=not sys.stderr.isatty(), leave=False
    ) as bar:
        for number in range(_most(len(batches)) if sharded else len(batches)):
            # A rank that is through goes on with any row, unrecorded: the others need it to gather
            # their weights.
            chosen = batches[number] if number < len(batches) else []
            with torch.no_grad(), autocast(config):
                batch = batch_rows([rows[key] for key in chosen or list(rows)[:1]])
                logps = completion_logps(model, batch.to(device)).tolist()[: len(chosen)]
            found |= dict(zip(chosen, logps, strict=True))
            # After each batch: a killed pass loses one at most.
            store.append(writer, zip(chosen, logps, strict=True))
            bar.update(len(chosen))
            # What is computed is kept. Ranks meet only after the pass, but for those of a sharded
            # model, which stop together.
            if _most(bool(heard())) if sharded else heard():
                raise PreemptedError(heard() or "another rank was told to")
    return found


def _most(number: int) -> int:
    """The largest of all ranks' numbers; every rank must call it."""
    return max(
        over_ranks(
            {torch.distributed.get_rank(): number}, torch.distributed.get_world_size()
        ).values()
    )
