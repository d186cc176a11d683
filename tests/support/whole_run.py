"""What a whole run leaves, stage by stage."""

from __future__ import annotations

from data_prep.splits.split_files import LEARNED_FROM
from records.run_files import SPLITS

ARTEFACTS = {
    "prep": {
        *(f"{name}.{split}.jsonl" for name in ("prompts", "demonstrations") for split in SPLITS),
        *("README.md", "lint.json", "decontamination.json", "data_card.md", "croissant.json"),
    },
    "sample": {
        "README.md",
        *(
            f"{name}.{split}.jsonl"
            for name in ("completions", "refusals")
            for split in LEARNED_FROM
        ),
    },
    "reward": {
        "reward_model/model.safetensors",
        "reward_model/harmfulness_head.safetensors",
        "reward_model/harmfulness.json",
        "validation.json",
        "metrics.jsonl",
    },
    "score": {"scores.jsonl"},
    "pairs": {
        "README.md",
        "pairs.train.jsonl",
        "pairs.val.jsonl",
        "pairs.report.json",
        "data_card.md",
        "croissant.json",
    },
    **{
        stage: {
            "policy/model.safetensors",
            "policy/tokenizer.json",
            "adapter/adapter_model.safetensors",
            "adapter/tokenizer.json",
            "adapter/README.md",
            "metrics.jsonl",
            "scoreboard.jsonl",
            "selection.json",
        }
        for stage in ("sft", "dpo", "sft_control")
    },
    "eval": {
        "README.md",
        "prompts.jsonl",
        "completions.jsonl",
        "scores.jsonl",
        "results.json",
        "report.html",
        "report.md",
        "samples.html",
    },
    "release": {
        f"tiny-released/{name}"
        for name in (
            "README.md",
            "model.safetensors",
            "evidence/results.json",
            "evidence/report.html",
            "evidence/gates.json",
        )
    },
}
