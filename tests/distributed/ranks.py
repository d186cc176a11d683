"""What the ranks of a test run: training cases, one after the other in one process group.

python ranks.py MODEL OUT CASE[,CASE...]      with Lightning's environment variables set when
    there are several ranks

A case is method-kind-strategy[-...], as in dpo-lora-zero3; methods are sft, dpo and rlhf. With
-killed it dies after a step of the second epoch and starts again; with -then-STRATEGY it dies there
and goes on under another strategy, in the same process or, where one of the two is `one`, in
another.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from safetensors.torch import save_file

from models.adapters.wrapping import adapt
from models.config import AdapterConfig, ModelConfig
from models.layout import head_logps
from models.layout.collation import Collation
from models.loading.load import load_model, load_tokenizer, skeleton
from models.memory.prepare import Options, prepared_layout
from models.tokens import TokenRow, encode, encode_pair
from records.rows import Message, assistant, json_line, user
from train.config import DpoConfig, TrainerConfig, loads_sharded
from train.dpo import DpoModule, DpoRows
from train.engine.loggers import JsonLinesLogger, forget_metrics_after
from train.engine.optimisation import Optimisation, OptimiserConfig
from train.engine.trainer import Observers, batch_plan, fit, resumed_step, world
from train.engine.weights import state_of
from train.kto import KtoModule, KtoRows
from train.over_refusal_limit import OverRefusalLimit
from train.reference import ReferencePass
from train.rlhf.module import RlhfModule
from train.rlhf.writer import PolicyCopy, ShardedPolicy
from train.sft import SftModule, SftRows

STRATEGIES = {"one": {}, "ddp": {"strategy": "ddp"}} | {
    f"zero{stage}": {"strategy": "deepspeed", "zero_stage": stage} for stage in (1, 2, 3)
}
ROWS, GLOBAL_BATCH, EPOCHS = 12, 4, 2  # 3 steps an epoch
MICRO_BATCH_TOKENS = 64  # one or two rows: several micro-batches a step and rank
RANKS = int(os.environ.get("WORLD_SIZE", "1"))  # Lightning removes it when a case is over
KILLED_AT = 4  # one step into the second epoch


class Killed(RuntimeError):
    pass


class Witness(pl.Callback):
    """Keeps each step's gradient norm before clipping, and the trained tensors while the ranks
    still hold them; dies when asked to.
    """

    def __init__(self, dies_at: int | None) -> None:
        self.dies_at = dies_at
        self.norms: list[float] = []
        self.tensors: dict[str, torch.Tensor] = {}
        self.last_step = 0

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: Any, optimizer: Any) -> None:
        if not hasattr(trainer.model, "get_global_grad_norm"):
            self.norms.append(
                torch.stack([p.grad.norm() for p in module.parameters() if p.grad is not None])
                .norm()
                .item()
            )

    def on_train_start(self, trainer: pl.Trainer, module: Any) -> None:
        self.last_step = trainer.global_step

    def on_train_batch_start(
        self, trainer: pl.Trainer, module: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.dies_at:
            raise Killed

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if hasattr(trainer.model, "get_global_grad_norm") and trainer.global_step > self.last_step:
            self.last_step = trainer.global_step
            self.norms.append(float(trainer.model.get_global_grad_norm()))

    def on_train_end(self, trainer: pl.Trainer, module: Any) -> None:
        self.tensors = {name: tensor.clone() for name, tensor in state_of(module).items()}


def row_of(tokenizer: Any, prompt: list[Message], completion: list[Message]) -> TokenRow:
    row = encode(tokenizer, prompt, completion, 128)
    assert row is not None
    return row


def rows_for(method: str, tokenizer: Any, batch_rows: Collation) -> Any:
    questions = [user(f"Question {i}?" + " Please." * (i % 3)) for i in range(ROWS)]
    good = [
        assistant("That is not safe; " * (1 + (5 * i) % 4) + "ask a doctor.") for i in range(ROWS)
    ]
    bad = [assistant(f"Sure, step {i}. " + "Do it. " * (i % 5)) for i in range(ROWS)]
    if method == "sft":
        return SftRows(
            [row_of(tokenizer, q, a) for q, a in zip(questions, good, strict=True)], batch_rows
        )
    if method == "kto":
        said = [(good, bad)[i % 2][i] for i in range(ROWS)]
        rows = [row_of(tokenizer, q, a) for q, a in zip(questions, said, strict=True)]
        mismatched = [row_of(tokenizer, q, said[i - 1]) for i, q in enumerate(questions)]
        return KtoRows(rows, mismatched, [i % 2 == 0 for i in range(ROWS)], batch_rows)
    pairs = []
    for question, chosen, rejected in zip(questions, good, bad, strict=True):
        pair = encode_pair(tokenizer, question, (chosen, rejected), 128)
        assert pair is not None
        pairs.append(pair)
    return DpoRows(
        pairs, batch_rows, groups=[i % 3 for i in range(ROWS)] if method == "limit" else ()
    )


def module_for(method: str, model: Any, rows: Any, optimisation: Optimisation) -> Any:
    if method == "sft":
        return SftModule(model, optimisation)
    if method == "kto":
        # Mostly what is desirable, with large steps: the reference point leaves 0.
        return KtoModule(
            model,
            DpoConfig(loss="kto", undesirable_weight=0.1),
            replace(optimisation, learning_rate=5e-3),
            rows,
        )
    if method == "dpo":
        return DpoModule(model, DpoConfig(), optimisation)
    config = DpoConfig(over_refusal_limit=0.1)
    limit = OverRefusalLimit(
        {"harm": 4, "questions": 4, "twins": 4}, ("questions", "twins"), config
    )
    limit.take({"questions": 0.5, "twins": 3.0})
    return DpoModule(model, config, optimisation, limit=limit)


def tiny_online() -> Any:
    """tests/support/tiny_online.py, which pytest alone has on its path."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
    return importlib.import_module("tiny_online")


def online_for(
    start: ModelConfig, tokenizer: Any, batch_rows: Collation, config: TrainerConfig, work: Path
) -> Any:
    """Its completions are drawn, so that ranks must draw the same."""
    tiny = tiny_online()
    rlhf = tiny.rlhf_config(learning_rate=1e-3)
    rows, plan = tiny.rows_and_plan(tokenizer, batch_rows, config, rlhf, world(config)[1])
    copy = PolicyCopy(lambda: load_model(start).requires_grad_(False), tokenizer, rlhf.generation)
    writer = ShardedPolicy(tokenizer, rlhf.generation) if loads_sharded(config) else copy
    return tiny.online_of(work, rows, plan, writer, rlhf, config)


def config_of(strategy: str, more: Sequence[str], out: Path) -> TrainerConfig:
    """`more` are the last words of a case's name."""
    return TrainerConfig(
        accelerator="cpu",
        devices=1 if strategy == "one" else RANKS,
        offload="cpu" if "offload" in more else "nvme" if "nvme" in more else "none",
        offload_path=str(out) if "nvme" in more else "",
        precision="bf16-mixed" if "bf16" in more else "32-true",
        checkpoint_every_steps=2,
        micro_batch_tokens=MICRO_BATCH_TOKENS,
        cpu_threads=1,
        **STRATEGIES[strategy],
    )


def run_case(
    case: str, model_path: Path, out: Path, *, dies_at: int | None = None, strategy: str = ""
) -> Witness:
    """Metrics go to OUT/CASE.jsonl, norms and tensors beside it."""
    method, kind, first, *more = case.split("-")
    strategy = strategy or first
    config = config_of(strategy, more, out)
    torch.set_num_threads(1)
    start = ModelConfig(path=str(model_path), dtype="bfloat16" if "half" in more else "float32")
    tokenizer = load_tokenizer(start)
    sharded = loads_sharded(config)

    def build(weights: Any) -> tuple[Any, Collation]:
        model = adapt(weights, AdapterConfig(kind=kind, rank=4, alpha=8), seed=0)
        options = Options(lean=not sharded, recompute="recompute" in more)
        return model, prepared_layout(model, tokenizer.pad_token_id, 128, options)

    model, batch_rows = build(skeleton(start) if sharded else load_model(start))
    load = (lambda: build(load_model(start))[0]) if sharded else None
    online = (
        online_for(start, tokenizer, batch_rows, config, out / case) if method == "rlhf" else None
    )
    rows = online.rows if online else rows_for(method, tokenizer, batch_rows)
    plan = (
        online.plan
        if online
        else batch_plan(rows, config, global_batch_size=GLOBAL_BATCH, epochs=EPOCHS, seed=0)
    )
    optimisation = Optimisation(
        learning_rate=1e-3,
        total_steps=EPOCHS * plan.steps_per_epoch,
        optimiser=OptimiserConfig(weight_decay=0.01, warmup=0.2),
    )
    callbacks: list[pl.Callback] = [witness := Witness(dies_at)]
    if online:
        module: Any = RlhfModule(
            model, tiny_online().rlhf_config(learning_rate=1e-3), online, optimisation
        )
    else:
        module = module_for(method, model, rows, optimisation)
    if method not in ("sft", "rlhf"):
        callbacks.append(ReferencePass(rows, config, out / "reference" / case))
    rank, work, metrics = world(config)[0], out / case, out / f"{case}.jsonl"
    if rank == 0:
        forget_metrics_after(metrics, resumed_step(work))
    # chunks so small that the ranks' numbers of them differ
    head_logps.CHUNK_TOKENS = 16
    fit(
        module,
        rows,
        config,
        plan,
        Observers(label=case, callbacks=callbacks, loggers=[JsonLinesLogger(metrics)]),
        work=work,
        load=load,
    )
    if rank == 0:
        (out / f"{case}.norms.json").write_text(json.dumps(witness.norms))
        tensors = {name: tensor.contiguous() for name, tensor in witness.tensors.items()}
        save_file(tensors, out / f"{case}.safetensors")
    return witness


def main(model_path: Path, out: Path, cases: list[str]) -> None:
    here = torch.distributed.is_torchelastic_launched() or "LOCAL_RANK" in os.environ
    for case in cases:
        first, _, second = case.partition("-then-")
        begins_here = (first.endswith("-one")) != here
        if (second and begins_here and not (out / case).exists()) or case.endswith("-killed"):
            die(case, model_path, out)
        if not second or (second == "one") != here:
            run_case(case, model_path, out, strategy=second)


def die(case: str, model_path: Path, out: Path) -> None:
    try:
        run_case(case, model_path, out, dies_at=KILLED_AT)
    except Killed:
        print(json_line({"killed": case, "resumes_at": resumed_step(out / case)}), flush=True)
    else:
        raise SystemExit(f"{case} was not killed")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(","))
