"""sft: safe completions to harmful requests, benign replay for the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from data_prep.near_duplicates.duplicates import distinct_completions
from models.layout.collation import Collation
from models.tokens import encode
from pipeline.model_identity import model_files
from pipeline.policies import base_config
from pipeline.policy_recipe import Training, TrainingSettings
from pipeline.policy_training import (
    MEASURED_ON,
    measured_by,
    train_policy,
)
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_room import policy_gigabytes
from pipeline.setting_parts import TrainingView
from records.errors import RecordError
from records.rows import Completion, Demonstration, Message, text_of
from records.run_files import COMPLETIONS, DEMONSTRATIONS, TRAINED
from records.stage_folder import write_json
from reward.refusal.rule import refusal
from train.config import SftConfig

if TYPE_CHECKING:
    from train.sft import SftRows


class Example(NamedTuple):
    """One row to imitate, and where its completion comes from."""

    prompt: list[Message]
    completion: list[Message]
    finished: bool
    origin: str


@dataclass(frozen=True, kw_only=True)
class Settings(TrainingView):
    sft: SftConfig


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Train on demonstrations, from the base."""
    from train.sft import SftModule

    demonstrations = inputs.read(DEMONSTRATIONS.of("train"))
    completions = inputs.read(COMPLETIONS.of("train"))
    examples = sft_examples(demonstrations, completions, config.sft.benign_answers)
    origins = Counter(example.origin for example in examples)
    place.say(
        "training on " + ", ".join(f"{count} {origin}" for origin, count in sorted(origins.items()))
    )

    def rows_of(tokenizer: Any, batch_rows: Collation) -> SftRows:
        return sft_rows(examples, tokenizer, batch_rows, config.model.max_length, place)

    summary = train_policy(
        TrainingSettings.of(config),
        place,
        Training(
            start=base_config(config.model.base),
            rows_of=rows_of,
            module_of=SftModule,
            learning_rate=config.sft.learning_rate,
            optimiser=config.sft.optimiser,
            epochs=config.sft.epochs,
            global_batch_size=config.sft.global_batch_size,
            **measured_by(config, inputs),
        ),
    )
    return {**summary, "rows": dict(origins)}


def sft_examples(
    demonstrations: list[Demonstration], completions: list[Completion], benign_answers: str
) -> list[Example]:
    """A safe completion for each harmful prompt; for each benign one the policy's own completion,
    the reference completion, or both.

    The policy's own completion is used only where it does not refuse; the reference completion
    stands in where it does. A prompt with several preferences gives each completion that is chosen
    in one of them.
    """
    own = {}
    # Sample 0 alone: further samples were drawn at a temperature.
    for c in completions:
        if (
            c.sample == 0
            and text_of(c.completion).strip()
            and refusal(text_of(c.completion)) == "none"
        ):
            own[c.prompt_id] = c
    examples = []
    for demo in distinct_completions(demonstrations):
        # The policy's own completions to harmful prompts are what is to be trained out.
        if demo.kind == "harmful":
            examples.append(Example(demo.prompt, demo.completion, True, "safe completions"))
            continue
        replay = own.get(demo.asks)
        # Replay of its own words keeps what the model knows; a foreign style would cost capability.
        # `prompt_id` marks a further preference of the same prompt; its replay would be the same
        # row again.
        if replay and not demo.prompt_id and benign_answers in ("base", "both"):
            examples.append(
                Example(
                    demo.prompt, replay.completion, replay.finish_reason == "stop", "benign replays"
                )
            )
        # Without a replay the reference stands in, or the prompt would not be trained on at all.
        if benign_answers in ("reference", "both") or not replay:
            examples.append(Example(demo.prompt, demo.completion, True, "helpful completions"))
    return examples


def sft_rows(
    examples: list[Example], tokenizer: Any, batch_rows: Collation, max_length: int, place: Place
) -> SftRows:
    """Tokenised rows; those whose prompt leaves no room are counted and said, those cut are
    counted.
    """
    rows = []
    for e in examples:
        rows.append(encode(tokenizer, e.prompt, e.completion, max_length, finished=e.finished))
    kept = [row for row in rows if row is not None]
    counts = {
        "rows": len(rows),
        "dropped_prompt_too_long": len(rows) - len(kept),
        "cut": sum(row.truncated for row in kept),
    }
    # All ranks encode the same rows, and only one may write the file.
    if place.rank == 0:
        write_json(
            place.path / "tokens.json",
            {**counts, "tokens": sum(len(row.input_ids) for row in kept)},
        )
    if counts["dropped_prompt_too_long"] or counts["cut"]:
        place.say(
            f"{counts['dropped_prompt_too_long']} rows left out (prompt fills model.max_length), "
            f"{counts['cut']} cut at it"
        )
    if not kept:
        raise RecordError(
            f"none of {len(rows)} rows can be trained on: prompts leave no room in "
            f"model.max_length={max_length}, or there is no completion; raise it, or give rows "
            "with completions"
        )
    from train.sft import SftRows

    return SftRows(kept, batch_rows)


STAGE = Stage(
    name="sft",
    reads=(*MEASURED_ON, DEMONSTRATIONS.of("train"), COMPLETIONS.of("train")),
    writes=TRAINED,
    work=work,
    settings=Settings,
    files=model_files,
    gigabytes=policy_gigabytes,
    ranks=True,
)
