"""One contestant of the training benchmark: a real trainer that takes an optimiser step whenever it is told to.

Started by benchmarks/training.py; speaks JSON lines: it says {"ready"}, then for each line on its input takes one step and says
{"seconds", "cpu_seconds", "loss"}, and at the end {"peak_gb"}.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, TextIO

TOTAL_STEPS = 10_000
SETTINGS = {"beta": 0.1, "learning_rate": 1e-5, "rank": 16, "alpha": 32, "max_length": 2048}


class Turns:
    """Waits for its turn before a step and reports after it."""

    def __init__(self, out: TextIO) -> None:
        self.out, self.ready = out, False

    def say(self, **message: Any) -> None:
        print(json.dumps(message), file=self.out, flush=True)

    def begin(self) -> None:
        if not self.ready:
            self.ready = True
            self.say(ready=True)
        if not sys.stdin.readline():
            usage = resource.getrusage(resource.RUSAGE_SELF)
            self.say(peak_gb=usage.ru_maxrss / 2**20)
            self.out.flush()
            os._exit(0)  # a trainer's own shutdown is not what is measured
        self.started, self.cpu = time.perf_counter(), time.process_time()

    def end(self, loss: float) -> None:
        self.say(seconds=time.perf_counter() - self.started, cpu_seconds=time.process_time() - self.cpu, loss=loss)


def run_primum(case: dict[str, Any], turns: Turns) -> None:
    import pytorch_lightning as pl
    import torch

    from benchmarks.training_cases import REGIMES, pairs_of
    from models.adapter import adapt
    from models.collation import collation
    from models.config import AdapterConfig, ModelConfig
    from models.fused_lora import fuse_lora
    from models.load import load_model, load_tokenizer
    from models.tokens import encode_pair
    from reward.harmfulness_model import RewardModule, RewardRows
    from reward.network import new_network
    from train.batches import BatchPlan
    from train.config import DpoConfig, TrainerConfig
    from train.dpo import DpoModule, DpoRows
    from train.reference import reference_logps
    from train.sft import SftModule, SftRows
    from train.trainer import fit

    regime, job = REGIMES[case["regime"]], case["job"]
    tokenizer = load_tokenizer(ModelConfig())
    torch.manual_seed(0)
    base, adapter = ModelConfig(), AdapterConfig(kind=case["adapter"], rank=SETTINGS["rank"], alpha=SETTINGS["alpha"])
    model = new_network(base, adapter, layers=None, seed=0) if job == "reward" else adapt(load_model(base), adapter, seed=0)
    backbone = getattr(model, "backbone", model)
    fuse_lora(backbone)
    batch_rows = collation(backbone, tokenizer.pad_token_id, SETTINGS["max_length"]).collate
    texts = pairs_of(regime, tokenizer)
    pairs = [encode_pair(tokenizer, t["prompt"], (t["chosen"], t["rejected"]), SETTINGS["max_length"]) for t in texts]
    trainer = TrainerConfig(
        accelerator="cpu", precision="bf16-mixed" if case["precision"] == "bf16" else "32-true", checkpoint_every_steps=10**9
    )
    optimisation = {"weight_decay": 0.0, "warmup": 0.0, "total_steps": TOTAL_STEPS}
    rate, micro = SETTINGS["learning_rate"], case["micro_batch"]
    module: Any
    rows: Any
    if job == "dpo":
        rows = DpoRows(pairs, batch_rows, reference_logps(model, pairs, batch_rows, trainer))
        module, size = DpoModule(model, DpoConfig(beta=SETTINGS["beta"], learning_rate=rate), **optimisation), regime.pairs
    elif job == "sft":
        rows, size = SftRows([side for pair in pairs for side in pair], batch_rows), 2 * regime.pairs
        module, micro = SftModule(model, learning_rate=rate, **optimisation), 2 * micro
    else:
        rows = RewardRows([side for pair in pairs for side in pair], [False, True] * len(pairs), batch_rows)
        module, size, micro = RewardModule(model, learning_rate=rate, **optimisation), 2 * regime.pairs, 2 * micro

    class InTurn(pl.Callback):
        """Steps are marked where the optimiser has stepped; micro-batches in between pass by."""

        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx % trainer.accumulate_grad_batches == 0:
                turns.begin()

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
                turns.end(float(outputs["loss"]))

    plan = BatchPlan(rows.lengths, rows.weights, size, micro, 1, 0)
    fit(module, rows, trainer, plan, epochs=TOTAL_STEPS, work=Path(tempfile.mkdtemp()), label="bench", callbacks=[InTurn()])


def run_trl(case: dict[str, Any], turns: Turns, *, best: bool) -> None:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForSequenceClassification, TrainerCallback
    from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer

    from benchmarks.training_cases import REGIMES, pairs_of
    from models.config import ModelConfig
    from models.load import load_model, load_tokenizer

    regime, job = REGIMES[case["regime"]], case["job"]
    tokenizer = load_tokenizer(ModelConfig())
    texts = pairs_of(regime, tokenizer)
    rows_a_pair = 1 if job in ("dpo", "reward") else 2
    common: dict[str, Any] = {
        "output_dir": tempfile.mkdtemp(),
        "per_device_train_batch_size": rows_a_pair * case["micro_batch"],
        "gradient_accumulation_steps": regime.pairs // case["micro_batch"],
        "learning_rate": SETTINGS["learning_rate"],
        "max_steps": TOTAL_STEPS,
        "report_to": [],
        "use_cpu": True,
        "bf16": case["precision"] == "bf16",
        "disable_tqdm": True,
        "save_strategy": "no",
        "logging_steps": 1,
        "max_length": SETTINGS["max_length"],
    }
    if best:
        common["gradient_checkpointing"] = False
    lora = {"r": SETTINGS["rank"], "lora_alpha": SETTINGS["alpha"], "target_modules": "all-linear"}
    peft_config = None if case["adapter"] == "full" else LoraConfig(task_type="SEQ_CLS" if job == "reward" else "CAUSAL_LM", **lora)
    settings: dict[str, Any] = {"processing_class": tokenizer, "peft_config": peft_config}
    if job == "dpo":
        args = DPOConfig(beta=SETTINGS["beta"], precompute_ref_log_probs=best, **common)
        trainer = DPOTrainer(model=load_model(ModelConfig()), args=args, train_dataset=Dataset.from_list(texts), **settings)
    elif job == "sft":
        rows = [{"prompt": t["prompt"], "completion": t[side]} for t in texts for side in ("chosen", "rejected")]
        trainer = SFTTrainer(model=load_model(ModelConfig()), args=SFTConfig(**common), train_dataset=Dataset.from_list(rows), **settings)
    else:
        model = load_model(ModelConfig(), AutoModelForSequenceClassification, num_labels=1)
        model.config.pad_token_id = tokenizer.pad_token_id
        trainer = RewardTrainer(model=model, args=RewardConfig(**common), train_dataset=Dataset.from_list(texts), **settings)

    class InTurn(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            turns.begin()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            turns.end(state.log_history[-1].get("loss", float("nan")) if state.log_history else float("nan"))

    trainer.add_callback(InTurn())
    trainer.train()


def main() -> None:
    case = json.loads(sys.argv[1])
    turns = Turns(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)  # whatever libraries print must not get between the lines
    import torch

    torch.set_num_threads(case["threads"])
    if case["contestant"] == "primum":
        run_primum(case, turns)
    else:
        run_trl(case, turns, best=case["contestant"] == "trl_best")


if __name__ == "__main__":
    main()
