"""The completions of one step: drawn by seed, scored, and kept until the step is done.

A completion's draws depend on the run's seed, the step, the prompt and its number alone. What is
drawn is appended to a file at once, so that a run that is killed within a step draws the rest only;
drawn again, it would be the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from models.engines.generate import Generated, seed_of
from models.ranks import over_ranks
from records.contracts import Scorer
from records.own_files import Object, entry, read_rows, sealed_line
from records.rows import Completion, Prompt, assistant
from train.rlhf.plan import Asked
from train.rlhf.writer import Writer

POLICY = "rlhf"


@dataclass(frozen=True)
class Drawn:
    """One completion, what it is made of, and what scorers say of it."""

    prompt_id: str
    sample: int
    ids: tuple[int, ...]
    """Its tokens, the end token with them where it was written."""
    text: str
    harm: float | None
    """By the training scorer; None on benign prompts and where it is unscored."""
    refusal: str
    """full, partial or none."""

    @classmethod
    def from_json(cls, row: Object) -> Drawn:
        """Raises ValueError where it is none."""
        ids = entry(row, "ids", list)
        if not ids or not all(type(number) is int for number in ids):
            raise ValueError("ids: wanted token ids")
        return cls(
            entry(row, "prompt_id", str),
            entry(row, "sample", int),
            tuple(ids),
            entry(row, "text", str),
            entry(row, "harm", float, optional=True),
            entry(row, "refusal", str),
        )


class _Wanted(NamedTuple):
    prompt: Prompt
    sample: int


@dataclass(frozen=True)
class Scorers:
    """What the reward is made of."""

    harm: Scorer
    """The training scorer: harmfulness 1 to 5."""
    refusal: Scorer
    """A label: full, partial or none."""

    def score(self, wanted: Sequence[_Wanted], made: Sequence[Generated], step: int) -> list[Drawn]:
        """Harm and refusal of each completion."""
        completions = []
        for row, generated in zip(wanted, made, strict=True):
            completions.append(_completion(row, generated, step))
        harmful = []
        for row, completion in zip(wanted, completions, strict=True):
            if row.prompt.kind == "harmful":
                harmful.append(completion)
        harm = (
            {score.completion_id: score.value for score in self.harm.score(harmful)}
            if harmful
            else {}
        )
        labels = self.refusal.score(completions)
        kept: list[Drawn] = []
        for row, generated, completion, label in zip(
            wanted, made, completions, labels, strict=True
        ):
            kept.append(
                Drawn(
                    row.prompt.id,
                    row.sample,
                    tokens_of(generated),
                    generated.text,
                    harm.get(completion.id),
                    label.label,
                )
            )
        return kept


def tokens_of(made: Generated) -> tuple[int, ...]:
    """The tokens that were drawn, with the end token where one was written."""
    return made.ids if made.end is None else (*made.ids, made.end)


def _completion(wanted: _Wanted, made: Generated, step: int) -> Completion:
    return Completion(
        id=f"{wanted.prompt.id}/{POLICY}/{step}/{wanted.sample}",
        prompt_id=wanted.prompt.id,
        prompt=wanted.prompt.prompt,
        completion=assistant(made.text),
        policy=POLICY,
        sample=wanted.sample,
        seed=0,
        num_tokens=made.num_tokens,
        finish_reason=made.finish_reason,
        suite=wanted.prompt.suite,
    )


class Store:
    """What was drawn, a file for each step and rank, in a folder that all ranks share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, step: int) -> dict[tuple[str, int], Drawn]:
        """Of all ranks and earlier starts; damaged lines are drawn again."""
        found: dict[tuple[str, int], Drawn] = {}
        for path in sorted(self.folder.glob(f"{_name(step)}.*.jsonl")):
            for row in read_rows(path, Drawn.from_json, own=False)[0]:
                found[(row.prompt_id, row.sample)] = row
        return found

    def append(self, step: int, rank: int, rows: Sequence[Drawn]) -> None:
        """Add a rank's completions of a step to its file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{_name(step)}.{rank}.jsonl"
        # A kill may have left half a line; the next one must not be appended to it.
        torn = path.is_file() and not path.read_bytes().endswith(b"\n")
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" * torn + "".join(sealed_line(asdict(row)) for row in rows))


def _name(step: int) -> str:
    return f"step-{step:07d}"


@dataclass(frozen=True)
class Rollout:
    """Draws what a rank asks in a step."""

    writer: Writer
    scorers: Scorers
    store: Store
    num_generations: int
    rows_at_once: int
    seed: int

    def draw(
        self, step: int, asked: Sequence[Asked], ranks: tuple[int, int]
    ) -> dict[str, list[Drawn]]:
        """The completions of every prompt, by its id, in the order of their numbers.

        All ranks must call it.
        """
        rank, world = ranks
        wanted = []
        for row in asked:
            for sample in range(self.num_generations):
                wanted.append(_Wanted(row.prompt, sample))
        known = self.store.read(step)
        missing = [row for row in wanted if (row.prompt.id, row.sample) not in known]
        for block in self._blocks(missing, wanted, world):
            made = self._scored(step, block)
            # Else a repetition that only keeps this rank in step.
            if block[0] in missing:
                self.store.append(step, rank, made)
                known |= {(row.prompt_id, row.sample): row for row in made}
        found: dict[str, list[Drawn]] = {}
        for row in asked:
            found[row.prompt.id] = [
                known[row.prompt.id, sample] for sample in range(self.num_generations)
            ]
        return found

    def _scored(self, step: int, block: list[_Wanted]) -> list[Drawn]:
        seeds = [seed_of(self.seed, POLICY, step, row.prompt.id, row.sample) for row in block]
        made = self.writer.complete([row.prompt.prompt for row in block], seeds)
        return self.scorers.score(block, made, step)

    def _blocks(
        self, missing: list[_Wanted], wanted: list[_Wanted], world: int
    ) -> Iterator[list[_Wanted]]:
        """Batches of what is missing; where ranks must ask equally often, some completion again
        until the slowest is through.
        """
        size = self.rows_at_once
        blocks = [missing[start : start + size] for start in range(0, len(missing), size)]
        yield from blocks
        if self.writer.synced and world > 1:
            # A sharded policy gathers its weights from all ranks at each forward pass.
            yield from [wanted[:1]] * (most_of_ranks(len(blocks), world) - len(blocks))


def most_of_ranks(number: int, world: int) -> int:
    """The largest of all ranks' numbers."""
    import torch  # noqa: PLC0415  only ranks that talk need it here

    return max(over_ranks({torch.distributed.get_rank(): number}, world).values())
