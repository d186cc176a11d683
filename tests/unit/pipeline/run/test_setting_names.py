"""An unknown key is told the setting that its writer meant: in its own block, under another
trainer's name, or why there is none.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.run.config import RunConfig
from pipeline.run.foreign_names import FOREIGN, NOT_HERE
from pipeline.run.setting_names import hint, known_keys

KNOWN = known_keys(RunConfig)
TYPED = [
    "warmup_ratio",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "max_seq_length",
    "cutoff_len",
    "sequence_len",
    "lora_r",
    "lora_rank",
    "lora_alpha",
    "lora_target",
    "lora_target_modules",
    "lr",
    "learning_rate",
    "model_name_or_path",
    "base_model",
    "micro_batch_size",
    "bf16",
    "fp16",
    "deepspeed",
    "output_dir",
    "report_to",
    "dataset",
    "datasets",
    "pref_beta",
    "beta",
    "template",
    "chat_template",
    "num_epochs",
    "max_grad_norm",
    "lr_scheduler_type",
    "optim",
    "load_in_4bit",
    "flash_attention",
    "sample_packing",
    "val_set_size",
    "save_steps",
    "wandb_project",
    "max_steps",
]


def meant(key: str) -> list[str]:
    return re.findall(r"'([\w.]+)'", hint(key, RunConfig))


def test_every_setting_of_ours_that_a_foreign_name_leads_to_is_there() -> None:
    targets = {name: targets[0].split() for name, targets in FOREIGN.items()}
    assert not {(name, key) for name, keys in targets.items() for key in keys if key not in KNOWN}
    assert all(targets.values())


def test_no_name_has_two_entries_and_every_reason_is_a_sentence() -> None:
    assert not set(FOREIGN) & set(NOT_HERE)
    assert all(len(reason.split()) > 3 for reason in NOT_HERE.values())


def test_settings_that_a_reason_names_are_there() -> None:
    words = {
        word for reason in NOT_HERE.values() for word in re.findall(r"\b(?:\w+\.)+\w+", reason)
    }
    named = {
        word
        for word in words
        if word.split(".")[0] in {key.split(".")[0] for key in KNOWN}
        and not word.endswith((".html", ".jsonl"))
    }
    assert named <= set(KNOWN), named - set(KNOWN)
    assert named


@pytest.mark.parametrize("name", TYPED)
@pytest.mark.parametrize("block", ["", "trainer.", "sft.", "training_args."])
def test_what_users_of_other_trainers_type_is_known_anywhere(name: str, block: str) -> None:
    key = f"{block}{name}"
    if key in KNOWN:
        return
    said = hint(key, RunConfig)
    assert (
        said.startswith("there is no such setting here: ")
        if name in NOT_HERE
        else set(meant(key)) <= set(KNOWN)
    )
    assert meant(key) or name in NOT_HERE


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        (
            "warmup_ratio",
            [f"{name}.optimiser.warmup" for name in ("sft", "dpo", "reward", "rlhf")],
        ),
        ("dpo.warmup_ratio", ["dpo.optimiser.warmup"]),
        (
            "trainer.warmup",
            [f"{name}.optimiser.warmup" for name in ("sft", "dpo", "reward", "rlhf")],
        ),
        ("sft.num_train_epochs", ["sft.epochs"]),
        ("num_train_epochs", ["sft.epochs", "dpo.epochs", "reward.epochs"]),
        ("model.lora_r", ["model.adapter.rank"]),
        ("reward.lora_rank", ["reward.adapter.rank"]),
        ("sft.max_seq_length", ["model.max_length"]),
        ("dpo.pref_beta", ["dpo.beta"]),
        ("learning_rate", ["sft.learning_rate", "dpo.learning_rate", "reward.learning_rate"]),
        ("beta", ["dpo.beta", "rlhf.beta"]),
        ("dpo.betta", ["dpo.beta"]),
        ("eval.generation.temprature", ["eval.generation.temperature"]),
        ("eval.suites.0.feild", ["eval.suites.field"]),
        ("data.sources.0.pth", ["data.sources.path"]),
        ("dpoo.beta", ["dpo.beta"]),
        ("trainer.acelerator", ["trainer.accelerator"]),
        ("micro_batch_tokens", ["trainer.micro_batch_tokens"]),
        (
            "sft.temperature",
            [
                "sample.generation.temperature",
                "rlhf.generation.temperature",
                "eval.generation.temperature",
            ],
        ),
        ("Per-Device-Eval-Batch-Size", ["eval.generation.batch_size"]),
    ],
)
def test_the_hint_is_the_setting_that_was_meant(key: str, wanted: list[str]) -> None:
    assert meant(key) == wanted


def test_a_slip_is_corrected_within_its_block() -> None:
    """No hint leads out of the block while a name in it is as near."""
    assert meant("reward.epoch") == ["reward.epochs"]
    assert meant("control.enabeld") == ["control.enabled"]


def test_a_name_like_no_other_gets_no_wrong_hint() -> None:
    assert hint("zzzzzzzz", RunConfig) == "`primum config CONFIG` prints all there are"
    assert not meant("quokka.wombat")


def test_of_thousands_of_unknown_keys_the_first_are_told_and_the_others_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(
        "".join(f"unknown_{number}: 1\n" for number in range(2000))
        + "dpo: {beta: -1, other: {a: 1}}\n"
        + "k" * 900
        + ": 1\n"
    )
    assert cli.main(["config", str(path)]) == 2
    said = capsys.readouterr().err
    assert "unknown_19" in said
    assert "unknown_20" not in said
    assert "1982 more unknown keys" in said
    assert "dpo.beta: got -1" in said
    assert len(said) < 20_000
