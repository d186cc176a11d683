"""One contestant of the training benchmark: a real trainer that takes an optimiser step whenever it
is told to.

Started by benchmarks/training.py; speaks JSON lines: it says {"ready"} (Primum: with the step's
FLOPs and the machine's rate), then for each line on its input takes one step and says {"seconds",
"cpu_seconds", "loss"}, and at the end {"peak_gb"}.
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

# Nobody takes so many: the learning rate hardly falls while steps are timed.
TOTAL_STEPS = 10_000
BETA, LEARNING_RATE = 0.1, 1e-5
RANK, ALPHA, MAX_LENGTH = 16, 32, 2048


class Turns:
    """Waits for its turn before a step and reports after it."""

    def __init__(self, out: TextIO, device: str) -> None:
        self.out, self.device, self.ready = out, device, False
        self.known: dict[str, float] = {}
        """Said with "ready"."""

    def say(self, **message: Any) -> None:
        print(json.dumps(message), file=self.out, flush=True)

    def begin(self) -> None:
        if not self.ready:
            self.ready = True
            self.say(ready=True, **self.known)
        if not sys.stdin.readline():
            self.say(peak_gb=self._peak_bytes() / 2**30)
            self.out.flush()
            os._exit(0)  # a trainer's own shutdown is not what is measured
        self.started, self.cpu = time.perf_counter(), time.process_time()

    def end(self, loss: float) -> None:
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()
        self.say(
            seconds=time.perf_counter() - self.started,
            cpu_seconds=time.process_time() - self.cpu,
            loss=loss,
        )

    def _peak_bytes(self) -> int:
        """Of the GPU where there is one, else of the whole process."""
        if self.device == "cuda":
            import torch

            return torch.cuda.max_memory_allocated()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_primum(case: dict[str, Any], turns: Turns) -> None:
    trainer = _trainer(case)

    import pytorch_lightning as pl
    import torch

    from benchmarks.floor import matrix_rate, step_flops
    from benchmarks.random_llama import model_config
    from benchmarks.training_cases import ALL_REGIMES, REWARD_JOBS
    from models.config import AdapterConfig
    from models.loading.load import load_tokenizer
    from train.engine.checkpoints import Checkpoints
    from train.engine.trainer import Observers, batch_plan, fit

    regime, job, base = ALL_REGIMES[case["regime"]], case["job"], model_config(case["model"])
    dtype = torch.bfloat16 if case["precision"] == "bf16" else torch.float32
    rate_of_machine = matrix_rate(case["device"], dtype)
    tokenizer = load_tokenizer(base)
    adapter = AdapterConfig(kind=case["adapter"], rank=RANK, alpha=ALPHA)
    model = _model(job, base, adapter)
    backbone = getattr(model, "backbone", model)
    batch_rows = _layout(case, backbone, tokenizer, trainer)
    module, rows = _problem(case, model, tokenizer, batch_rows, trainer)
    size = regime.pairs if job == "dpo" else 2 * regime.pairs
    plan = batch_plan(rows, trainer, global_batch_size=size, epochs=TOTAL_STEPS, seed=0)
    if case["contestant"] == "primum":
        # Of a whole epoch, divided by its steps below: batches differ.
        packed = [rows.collate(*micro).rows for micro in plan.micro_batches(0, 0)]
        head = job not in REWARD_JOBS
        flops = sum(step_flops(backbone, batch, head=head) for batch in packed)
        turns.known = {
            "gflop": flops / plan.steps_per_epoch / 1e9,
            "machine_gflops": rate_of_machine / 1e9,
            "tokens": max(batch.input_ids.shape[1] for batch in packed),
        }

    Checkpoints.save = lambda *_: None  # type: ignore[method-assign]  # TRL's trainer is told to write none either

    class InTurn(pl.Callback):
        """Steps are marked where the optimiser has stepped; micro-batches in between pass by."""

        def on_train_batch_start(
            self, trainer: Any, module: Any, batch: Any, batch_idx: int
        ) -> None:
            if batch_idx % trainer.accumulate_grad_batches == 0:
                turns.begin()

        def on_train_batch_end(
            self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
                turns.end(float(outputs["loss"]))

    fit(
        module,
        rows,
        trainer,
        plan,
        Observers(label="bench", callbacks=[InTurn()]),
        work=Path(tempfile.mkdtemp()),
    )


def _layout(case: dict[str, Any], backbone: Any, tokenizer: Any, trainer: Any) -> Any:
    """How rows become batches; the model is prepared to read them."""
    from models.layout.collation import padded
    from models.memory.prepare import Options, prepared_layout
    from train.engine.hardware import compiles

    if case["contestant"] == "padded":
        return padded(tokenizer.pad_token_id)
    options = Options(lean=True, compiled=compiles(trainer))
    return prepared_layout(backbone, tokenizer.pad_token_id, MAX_LENGTH, options)


def _trainer(case: dict[str, Any]) -> Any:
    """The settings of Primum's trainer.

    Called first: some of them must be in force before libraries make tensors.
    """
    from train.config import TrainerConfig
    from train.engine.hardware import use_cpu

    trainer = TrainerConfig(
        accelerator="gpu" if case["device"] == "cuda" else "cpu",
        precision="bf16-mixed" if case["precision"] == "bf16" else "32-true",
        checkpoint_every_steps=10**9,
        micro_batch_tokens=8192,
        cpu_threads=case["threads"],
        compile_layers="off" if case["contestant"] == "plain" else case["compile_layers"],
    )
    use_cpu(trainer)
    return trainer


def _model(job: str, base: Any, adapter: Any) -> Any:
    """What a job trains; `reward-cut` on two thirds of the layers, as this project's configurations
    do.
    """
    from benchmarks.training_cases import REWARD_JOBS
    from models.adapters.wrapping import adapt
    from models.loading.load import architecture_of, load_model
    from reward.model.network import new_network

    if job not in REWARD_JOBS:
        return adapt(load_model(base), adapter, seed=0)
    layers = round(architecture_of(base).num_hidden_layers * 2 / 3) if job == "reward-cut" else None
    return new_network(base, adapter, layers=layers, seed=0)


def _problem(
    case: dict[str, Any], model: Any, tokenizer: Any, batch_rows: Any, trainer: Any
) -> tuple[Any, Any]:
    """(LightningModule, rows) of a case."""
    from benchmarks.token_rows import demonstration_rows, pair_rows
    from benchmarks.training_cases import ALL_REGIMES
    from reward.model.training import RewardModule, RewardRows
    from train.config import DpoConfig
    from train.dpo import DpoModule, DpoRows
    from train.engine.optimisation import Optimisation, OptimiserConfig
    from train.reference import reference_logps
    from train.sft import SftModule, SftRows

    regime, job = ALL_REGIMES[case["regime"]], case["job"]
    optimisation = Optimisation(
        learning_rate=LEARNING_RATE, total_steps=TOTAL_STEPS, optimiser=OptimiserConfig(warmup=0.0)
    )
    if job == "sft":
        rows = SftRows(demonstration_rows(regime, tokenizer, MAX_LENGTH), batch_rows)
        return SftModule(model, optimisation), rows
    pairs = pair_rows(regime, tokenizer, MAX_LENGTH)
    if job == "dpo":
        sides = DpoRows(pairs, batch_rows, reference_logps(model, pairs, batch_rows, trainer))
        return DpoModule(model, DpoConfig(beta=BETA), optimisation), sides
    answers = RewardRows(
        [side for pair in pairs for side in pair], [False, True] * len(pairs), batch_rows
    )
    return RewardModule(model, optimisation), answers


def _trl_settings(case: dict[str, Any], pairs: int, *, best: bool) -> dict[str, Any]:
    """What TRL's three trainers are told alike."""
    at_once = 1 if case["contestant"] == "trl_ones" else pairs
    settings: dict[str, Any] = {
        "output_dir": tempfile.mkdtemp(),
        "per_device_train_batch_size": (2 if case["job"] == "sft" else 1) * at_once,
        "gradient_accumulation_steps": pairs // at_once,
        "learning_rate": LEARNING_RATE,
        "max_steps": TOTAL_STEPS,
        "report_to": [],
        "use_cpu": case["device"] == "cpu",
        "bf16": case["precision"] == "bf16",
        "disable_tqdm": True,
        "save_strategy": "no",
        "logging_steps": 1,
        "max_length": MAX_LENGTH,
    }
    return {**settings, "gradient_checkpointing": False} if best else settings


def _trl_trainer(case: dict[str, Any], *, best: bool) -> Any:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForSequenceClassification
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    from benchmarks.random_llama import model_config
    from benchmarks.training_cases import ALL_REGIMES, REWARD_JOBS, demonstrations_of, pairs_of
    from models.loading.load import load_model, load_tokenizer

    regime, job, base = ALL_REGIMES[case["regime"]], case["job"], model_config(case["model"])
    tokenizer = load_tokenizer(base)
    common = _trl_settings(case, regime.pairs, best=best)
    lora = {"r": RANK, "lora_alpha": ALPHA, "target_modules": "all-linear"}
    peft_config = (
        None
        if case["adapter"] == "full"
        else LoraConfig(task_type="SEQ_CLS" if job in REWARD_JOBS else "CAUSAL_LM", **lora)
    )
    settings: dict[str, Any] = {"processing_class": tokenizer, "peft_config": peft_config}
    if job == "dpo":
        args = DPOConfig(beta=BETA, precompute_ref_log_probs=best, **common)
        rows = Dataset.from_list(pairs_of(regime, tokenizer))
        return DPOTrainer(model=load_model(base), args=args, train_dataset=rows, **settings)
    if job == "sft":
        rows = Dataset.from_list(demonstrations_of(regime, tokenizer))
        return SFTTrainer(
            model=load_model(base), args=SFTConfig(**common), train_dataset=rows, **settings
        )
    model = load_model(base, AutoModelForSequenceClassification, num_labels=1)
    model.config.pad_token_id = tokenizer.pad_token_id
    rows = Dataset.from_list(pairs_of(regime, tokenizer))
    return RewardTrainer(model=model, args=RewardConfig(**common), train_dataset=rows, **settings)


def run_trl(case: dict[str, Any], turns: Turns, *, best: bool) -> None:
    from transformers import TrainerCallback

    class InTurn(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            turns.begin()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            log = state.log_history or [{}]
            turns.end(log[-1].get("loss", float("nan")))

    trainer = _trl_trainer(case, best=best)
    trainer.add_callback(InTurn())
    trainer.train()


def main() -> None:
    case = json.loads(sys.argv[1])
    turns = Turns(os.fdopen(os.dup(1), "w"), case["device"])
    os.dup2(2, 1)  # whatever libraries print must not get between the lines
    import torch

    torch.set_num_threads(case["threads"])
    if case["contestant"] in ("primum", "padded", "plain"):
        run_primum(case, turns)
    else:
        run_trl(case, turns, best=case["contestant"] != "trl")


if __name__ == "__main__":
    main()
