"""sft_control: more SFT, on what DPO prefers, for as many steps; what DPO adds is its lead over this."""

from __future__ import annotations

from typing import Any

from pipeline.policies import MODEL, stage_policy
from pipeline.policy_training import BESIDE, MEASURED, TRAINED_BY, Training, train_policy
from pipeline.run.stage import Context, Stage
from pipeline.run.stage_room import policy_gigabytes
from pipeline.stages.dpo import earlier_adapter, from_before
from pipeline.stages.sft import Example, sft_rows
from records.rows import Pair, read_records
from train.sft import SftModule


def work(context: Context) -> dict[str, Any]:
    config = context.config
    pairs = read_records(context.stage("pairs").path / "pairs.train.jsonl", Pair)
    examples = [Example(p.prompt, p.chosen, p.chosen_finished, "chosen completions") for p in pairs]
    return train_policy(
        context,
        Training(
            start=stage_policy(context, context.before.name),
            rows_of=lambda tokenizer, batch_rows: sft_rows(examples, tokenizer, batch_rows, context),
            module_of=lambda model, options: SftModule(model, learning_rate=config.sft.learning_rate, **options),
            epochs=config.dpo.epochs,
            global_batch_size=config.dpo.global_batch_size,
            **from_before(context),
        ),
    )


STAGE = Stage(
    name="sft_control",
    needs=(
        "prep/prompts.val.jsonl",
        "reward/reward_model",
        "pairs/pairs.train.jsonl",
        "sft/policy",
        "sft/scoreboard.jsonl",
        "sft/selection.json",
    ),
    sections=(
        *MODEL,
        "sft.learning_rate",
        *(f"dpo.{name}" for name in ("epochs", "global_batch_size")),
        *MEASURED,
        *TRAINED_BY,
    ),
    beside=BESIDE,
    work=work,
    optional_needs=earlier_adapter,
    gigabytes=policy_gigabytes,
    ranks=True,
)
