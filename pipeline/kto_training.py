"""KTO as the dpo stage runs it: which completions have a thumb up or down, and what is held against
what.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from data_prep.unpaired import Unpaired, from_pairs, held_out, read_unpaired
from models.layout.collation import Collation
from models.tokens import TokenRow, encode
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from records.errors import RecordError
from records.rows import text_of
from records.run_files import PAIRS, PROMPTS
from records.stage_folder import write_json
from train.config import DpoConfig
from train.engine.optimisation import Optimisation

if TYPE_CHECKING:
    from train.kto import KtoModule, KtoRows


class Budget(NamedTuple):
    """What rows are made by, beside their texts."""

    max_length: int
    seed: int


class KtoTraining:
    """Makes the rows, and then the module that measures its reference point on them."""

    def __init__(
        self, unpaired: list[Unpaired], config: DpoConfig, budget: Budget, place: Place
    ) -> None:
        self.unpaired, self.config, self.budget, self.place = unpaired, config, budget, place
        self.rows: KtoRows | None = None

    def rows_of(self, tokenizer: Any, batch_rows: Collation) -> KtoRows:
        """The rows, which are encoded already."""
        from train.kto import KtoRows, partners

        max_length, seed = self.budget.max_length, self.budget.seed
        others = []
        # KTO measures its reference point on completions to other prompts (arXiv 2402.01306).
        for i in partners([text_of(row.prompt) for row in self.unpaired], seed):
            others.append(self.unpaired[i])
        own = _encoded(tokenizer, self.unpaired, self.unpaired, max_length)
        mismatched = _encoded(tokenizer, self.unpaired, others, max_length)
        # Both versions must fit, as they stand side by side in a batch.
        kept = [i for i, row in enumerate(own) if row is not None and mismatched[i] is not None]
        rows = [own[i] for i in kept]
        desirable = [self.unpaired[i].label for i in kept]
        _require_both(len(own), desirable, max_length)
        # One writer: all ranks make the same rows.
        if self.place.rank == 0:
            counts = {
                "rows": len(own),
                "desirable": sum(desirable),
                "undesirable": len(kept) - sum(desirable),
            }
            dropped = {
                "dropped_too_long": len(own) - len(kept),
                "cut": sum(row.truncated for row in rows if row),
            }
            write_json(
                self.place.path / "tokens.json",
                {**counts, **dropped, "tokens": sum(len(row.input_ids) for row in rows if row)},
            )
        self.place.say(
            f"{sum(desirable)} desirable and {len(kept) - sum(desirable)} undesirable completions"
        )
        self.rows = KtoRows(
            [row for row in rows if row],
            [row for i in kept if (row := mismatched[i])],
            desirable,
            batch_rows,
        )
        return self.rows

    def module_of(self, model: Any, optimisation: Optimisation) -> KtoModule:
        """The LightningModule of KTO."""
        from train.kto import KtoModule

        return KtoModule(model, self.config, optimisation, self.rows)


def thumbs(files: Sequence[str], inputs: Inputs) -> list[Unpaired]:
    """Rows of the files, or where none is named both sides of the run's pairs.

    Raises RecordError where any asks what the run measures.
    """
    if not files:
        return from_pairs(inputs.read(PAIRS.of("train")))
    rows = []
    for row in read_unpaired(list(files)):
        if row.split == "train":
            rows.append(row)
    # Files of thumbs come from outside, so no split of ours has kept these prompts apart.
    measured = held_out(rows, inputs.read(PROMPTS.of("val", "test")))
    if measured:
        raise RecordError(
            f"dpo.unpaired: {len(measured)} prompts of {', '.join(files)} are validation or test "
            "prompts of this run, which would be trained on what it is measured on; take these "
            "rows out"
        )
    return rows


def _encoded(
    tokenizer: Any, prompts: Sequence[Unpaired], completions: Sequence[Unpaired], max_length: int
) -> list[TokenRow | None]:
    pairs = zip(prompts, completions, strict=True)
    found: list[TokenRow | None] = []
    for asked, said in pairs:
        found.append(
            encode(tokenizer, asked.prompt, said.completion, max_length, finished=said.finished)
        )
    return found


def _require_both(count: int, desirable: Sequence[bool], max_length: int) -> None:
    """KTO learns from the two against each other: with one kind only, a policy that likes or
    dislikes everything would do.
    """
    if 0 < sum(desirable) < len(desirable):
        return
    raise RecordError(
        "dpo.loss=kto needs desirable and undesirable completions of the train split that fit "
        f"model.max_length={max_length}; got {sum(desirable)} and "
        f"{len(desirable) - sum(desirable)} of {count} rows. Name files with both (dpo.unpaired), "
        "or raise the length"
    )
