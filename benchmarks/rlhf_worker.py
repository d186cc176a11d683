"""One contestant of benchmarks/rlhf.py: a real trainer that takes some online steps.

Prints its seconds and its peak as one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.random_llama import model_config
from benchmarks.rlhf_case import WARM_UP, letters, texts

CONTESTANTS = ("primum", "trl_rloo", "trl_grpo")


class Clock:
    """Seconds of each step, of the clock and of the processor."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []

    def begin(self) -> None:
        self.started, self.cpu = time.perf_counter(), time.process_time()

    def end(self) -> None:
        self.steps.append(
            {
                "seconds": time.perf_counter() - self.started,
                "cpu_seconds": time.process_time() - self.cpu,
            }
        )


# Each contestant imports what it needs itself: libraries of the other would be in its peak.
def run_primum(options: argparse.Namespace, clock: Clock) -> None:
    import pytorch_lightning as pl

    from models.adapters.wrapping import adapt
    from models.config import AdapterConfig
    from models.loading.load import load_model, load_tokenizer
    from models.memory.prepare import Options, prepared_layout
    from train.config import TrainerConfig
    from train.engine.optimisation import Optimisation, OptimiserConfig
    from train.engine.trainer import Observers, fit
    from train.rlhf.module import Online, RlhfModule

    trainer = TrainerConfig(accelerator="cpu", precision=options.precision)
    base = model_config(options.model)
    tokenizer, steps = load_tokenizer(base), options.steps + WARM_UP
    config = _config(options, steps)
    model = adapt(load_model(base), AdapterConfig(), seed=0)
    rows, plan = _prompts(
        options,
        tokenizer,
        prepared_layout(model, tokenizer.pad_token_id, 2048, Options(lean=True)),
        config,
    )
    work = Path(tempfile.mkdtemp())
    online = Online(
        rows,
        plan,
        _rollout(config, base, tokenizer, work),
        # A limit that nothing exceeds: TRL's trainers have none.
        lambda step, drawn: {"twins": 1.0},
        trainer,
    )
    module = RlhfModule(
        model,
        config,
        online,
        Optimisation(learning_rate=1e-5, total_steps=steps, optimiser=OptimiserConfig(warmup=0.0)),
    )

    class Timed(pl.Callback):
        """Its hook comes before the module's own, in which it draws."""

        def on_train_batch_start(
            self, trainer: Any, module: Any, batch: Any, batch_idx: int
        ) -> None:
            if batch_idx % trainer.accumulate_grad_batches == 0:
                clock.begin()

        def on_train_batch_end(
            self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
                clock.end()

    fit(module, rows, trainer, plan, Observers(label="bench", callbacks=[Timed()]), work=work)


def _config(options: argparse.Namespace, steps: int) -> Any:
    from models.config import GenerationConfig
    from train.rlhf.config import RlhfConfig

    return RlhfConfig(
        starts_from="base",
        steps=steps,
        # One epoch: nothing is measured in between.
        measure_every=steps,
        prompts_per_step=options.prompts,
        num_generations=options.generations,
        generation=GenerationConfig(
            max_new_tokens=options.new_tokens,
            temperature=1.0,
            # All completions of a step at once, as TRL draws them.
            batch_size=options.prompts * options.generations,
        ),
        learning_rate=1e-5,
    )


def _prompts(
    options: argparse.Namespace, tokenizer: Any, batch_rows: Any, config: Any
) -> tuple[Any, Any]:
    from models.tokens import prompt_ids
    from records.rows import Prompt, user
    from train.rlhf.plan import Asked, RolloutPlan, RolloutRows

    asked = []
    for number, text in enumerate(texts(options)):
        prompt = Prompt(
            id=str(number),
            prompt=user(text),
            kind="harmful",
            suite="harmful",
            source="made",
            licence="MIT",
        )
        asked.append(Asked(prompt, prompt_ids(tokenizer, prompt.prompt)))
    rows = RolloutRows(
        asked, batch_rows, num_generations=options.generations, max_new_tokens=options.new_tokens
    )
    plan = RolloutPlan(
        lengths=rows.lengths,
        weights=rows.weights,
        padded=batch_rows.why_padded is not None,
        global_batch_size=options.prompts,
        micro_batch_tokens=4096,
        world_size=1,
        epochs=1,
        seed=0,
        kinds={"harmful": list(range(len(asked)))},
        shares={"harmful": options.prompts},
        steps_in_epoch=config.measure_every,
    )
    return rows, plan


def _rollout(config: Any, base: Any, tokenizer: Any, work: Path) -> Any:
    from models.engines.generate import generation_dtype
    from models.loading.load import load_model
    from records.rows import Score, text_of
    from reward.scorers import RefusalRule
    from train.rlhf.rollout import Rollout, Scorers, Store
    from train.rlhf.writer import PolicyCopy

    class Letters:
        name = "letters"

        def score(self, completions: Sequence[Any]) -> list[Score]:
            found: list[Score] = []
            for c in completions:
                found.append(
                    Score(
                        id=c.id,
                        completion_id=c.id,
                        scorer=self.name,
                        # As harmfulness from 1 to 5: a reward from -1 to 0 is what rlhf makes of
                        # it.
                        value=1 - 4 * letters(text_of(c.completion)),
                    )
                )
            return found

    def load() -> Any:
        return load_model(base).to(generation_dtype(config.generation)).requires_grad_(False)

    writer = PolicyCopy(load, tokenizer, config.generation)
    size = config.generation.batch_size
    return Rollout(
        writer,
        Scorers(Letters(), RefusalRule()),
        Store(work / "rollouts"),
        config.num_generations,
        size,
        0,
    )


def _trl_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What TRL's two trainers are told alike."""
    return {
        "output_dir": tempfile.mkdtemp(),
        "per_device_train_batch_size": options.prompts * options.generations,
        "num_generations": options.generations,
        "max_completion_length": options.new_tokens,
        "beta": 0.05,
        "learning_rate": 1e-5,
        "max_steps": options.steps + WARM_UP,
        "use_cpu": True,
        "bf16": options.precision == "bf16-mixed",
        "gradient_checkpointing": False,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
    }


def run_trl(options: argparse.Namespace, clock: Clock) -> None:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer
    from trl.trainer.rloo_config import RLOOConfig
    from trl.trainer.rloo_trainer import RLOOTrainer

    from models.loading.load import load_model, load_tokenizer

    settings = _trl_arguments(options)
    if options.contestant == "trl_rloo":
        # Without normalisation, as the loss of rlhf is.
        kind, config = RLOOTrainer, RLOOConfig(**settings, normalize_advantages=False)
    else:
        kind, config = (
            GRPOTrainer,
            # The settings under which GRPO divides by neither a group's spread nor a completion's
            # length, so that it computes nearly the same.
            GRPOConfig(**settings, scale_rewards="none", loss_type="dr_grpo"),
        )

    class Timed(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            clock.begin()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.end()

    base = model_config(options.model)
    trainer = kind(
        model=load_model(base),
        reward_funcs=lambda completions, **_: [
            letters(completion[0]["content"]) for completion in completions
        ],
        args=config,
        train_dataset=Dataset.from_list(
            [{"prompt": [{"role": "user", "content": text}]} for text in texts(options)]
        ),
        processing_class=load_tokenizer(base),
        peft_config=LoraConfig(
            r=16,
            lora_alpha=32,
            target_modules="all-linear",
            lora_dropout=0.0,
            task_type="CAUSAL_LM",
        ),
        callbacks=[Timed()],
    )
    trainer.train()


RUNS: dict[str, Callable[[argparse.Namespace, Clock], None]] = {
    "primum": run_primum,
    "trl_rloo": run_trl,
    "trl_grpo": run_trl,
}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One contestant, in this process."""
    clock = Clock()
    RUNS[options.contestant](options, clock)
    counted = clock.steps[WARM_UP:]
    # Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30
    return {"steps": counted, "peak_gb": peak}


if __name__ == "__main__":
    print(json.dumps(measure(argparse.Namespace(**json.loads(sys.argv[1])))))
