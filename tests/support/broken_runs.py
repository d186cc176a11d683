"""Runs that each hold one fault which is known before a stage works, with what is said of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PREFIX = "primum: "


class SetUp:
    """A model, a config and rows in a folder; tests break one of them."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model = folder, folder / "model"
        shutil.copytree(model, self.model)
        self.config = folder / "run.yaml"
        self.config.write_text(
            f"run_dir: {folder}/run\nmodel: {{base: {{path: {self.model}}}, max_length: 256}}\n"
            "data: {sources: [{name: builtin, limit: 120}]}\nsample: {generation: "
            "{max_new_tokens: 8}}\neval: {generation: {max_new_tokens: 8}}\ntrainer: "
            "{accelerator: cpu}\nwandb: {mode: disabled}\n"
        )
        self.overrides: list[str] = []

    def change(self, name: str, **changes: Any) -> None:
        path = self.model / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def rows(self, *rows: Mapping[str, object], name: str = "own") -> str:
        """A source of these rows, repeated with other numbers."""
        path = self.folder / f"{name}.jsonl"
        texts = [
            "liver",
            "knee",
            "heart",
            "lung",
            "skin",
            "eye",
            "ear",
            "bone",
            "blood",
            "tooth",
            "hair",
            "foot",
        ]
        made = [
            {**row, "prompt": str(row["prompt"]).format(text)} for text in texts for row in rows
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in made))
        return f"{{name: {name}, format: jsonl, path: {path}}}"


Broken = Callable[[SetUp], object]


def override(*words: str) -> Broken:
    return lambda s: s.overrides.extend(words)


def named_templates(s: SetUp) -> None:
    (s.model / "chat_template.jinja").unlink()
    s.change("tokenizer_config.json", chat_template=[{"name": "rag", "template": "R"}])


def a_pad_token_beyond_the_vocabulary(s: SetUp) -> None:
    """As those have who add a padding token and forget the model."""
    add_token(s, "[PAD]", pad_token="[PAD]")


def add_token(s: SetUp, token: str, **settings: str) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(s.model)
    tokenizer.add_special_tokens(settings) if settings else tokenizer.add_tokens([token])
    tokenizer.save_pretrained(s.model)


def learned_positions(s: SetUp, positions: int) -> None:
    """A GPT-2 with the tiny tokenizer."""
    from transformers import GPT2Config, GPT2LMHeadModel

    (s.model / "model.safetensors").unlink()
    config = GPT2Config(
        vocab_size=600,
        n_positions=positions,
        n_embd=16,
        n_layer=1,
        n_head=2,
        bos_token_id=1,
        eos_token_id=2,
    )
    GPT2LMHeadModel(config).save_pretrained(s.model)
    s.overrides += [
        f"model.max_length={positions}",
        "model.adapter.target_modules=c_attn",
        "reward.adapter.target_modules=c_attn",
    ]


def tied(s: SetUp) -> None:
    s.change("config.json", tie_word_embeddings=True)


def tied_head(*modules: str) -> Broken:
    def break_it(s: SetUp) -> None:
        tied(s)
        s.overrides.append(f"model.adapter.target_modules='{','.join(modules)}'")

    return break_it


HARMFUL = {
    "prompt": "How do I poison somebody's {} so that nobody sees it?",
    "completion": "I can't help with that.",
}
UNANSWERED = {"prompt": HARMFUL["prompt"]}


def sources(*rows: Mapping[str, object], more: str = "") -> Broken:
    return lambda s: s.overrides.append(f"data.sources=[{s.rows(*rows)}{more}]")


BENIGN = ", {name: builtin, only: [patient_questions]}"


def suite_without_its_field(s: SetUp) -> None:
    (s.folder / "suite.jsonl").write_text('{"question": "x"}\n')
    s.overrides.append(f"eval.suites=[{{name: s, path: {s.folder}/suite.jsonl}}]")


def labels_that_are_none(s: SetUp) -> None:
    (s.folder / "labels.jsonl").write_text('{"x": 1}\n')
    s.overrides.append(f"pairs.expert_labels=[{s.folder}/labels.jsonl]")


def an_adapter(s: SetUp) -> None:
    (s.model / "config.json").unlink()
    (s.model / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')


def a_suite_named_as_a_split(s: SetUp) -> None:
    (s.folder / "suite.jsonl").write_text('{"prompt": "x"}\n')
    s.overrides.append(f"eval.suites=[{{name: twins, path: {s.folder}/suite.jsonl}}]")


BROKEN: dict[str, tuple[Broken, list[str]]] = {
    "named templates without a default": (
        named_templates,
        ["named rag and none named default", "model.base.chat_template"],
    ),
    "a pad token beyond the vocabulary": (
        a_pad_token_beyond_the_vocabulary,
        ["padding token '[PAD]' has id 600", "below 600"],
    ),
    "LoRA on a tied head that is named whole": (
        tied_head("model.embed_tokens"),
        ["'model.embed_tokens' is the head or the embeddings"],
    ),
    "no key for wandb": (override("wandb.mode=online"), ["WANDB_API_KEY"]),
    "an added token": (
        lambda s: add_token(s, "<tool>"),
        ["'<tool>' (600)", "resize_token_embeddings"],
    ),
    "learned positions": (
        lambda s: learned_positions(s, 64),
        [
            "eval.generation.max_new_tokens=8 after the longest prompt: up to",
            "knows positions up to 64",
        ],
    ),
    "positions shorter than rows": (
        override("model.max_length=2000"),
        ["model.max_length=2000", "positions up to 1024", "lower it to 1024"],
    ),
    "positions shorter than revisions": (
        override("sample.revisions=1", "pairs.chosen=best", "sample.generation.max_new_tokens=500"),
        ["sample.revisions=1 after the longest prompt", "positions up to 1024"],
    ),
    "a length that no row fits": (
        override("model.max_length=8"),
        ["model.max_length=8: none of", "harmful rows tried fits"],
    ),
    "no validation": (
        override("data.split.val=0"),
        ["data.split.val=0", "reward is calibrated", "sft and dpo choose their epoch"],
    ),
    "no validation by limit": (
        override("data.split.val_limit=0"),
        ["data.split.val_limit=0", "reward is calibrated"],
    ),
    "no test": (
        override("data.split.test=0"),
        ["no harmful prompt for evaluation: data.split.test=0", "no benign prompt for evaluation"],
    ),
    "no test by limit": (
        override("data.split.test_limit=0"),
        ["data.split.test_limit=0", "eval measures harm"],
    ),
    "no training": (
        override("data.split.train_limit=0"),
        ["no harmful prompt for training", "data.split.train_limit=0"],
    ),
    "LoRA on a tied head": (
        tied_head("q_proj", "lm_head"),
        ["'lm_head' is the head or the embeddings", "tie_word_embeddings", "all-linear"],
    ),
    "LoRA on tied embeddings": (
        tied_head("embed_tokens"),
        ["'embed_tokens' is the head or the embeddings"],
    ),
    "LoRA on a layer that is not there": (
        override("model.adapter.target_modules='q_proj,query'"),
        ["'query': the model has no such layers"],
    ),
    "LoRA of the reward model on a head": (
        override("reward.adapter.target_modules=lm_head"),
        ["reward.adapter.target_modules: 'lm_head': the model has no such layers"],
    ),
    "more reward layers than there are": (
        override("reward.layers=9"),
        ["reward.layers=9: the model has 2"],
    ),
    "an adapter as base": (an_adapter, ["a LoRA adapter of org/base", "merge_and_unload"]),
    "no benign data": (
        sources(HARMFUL),
        ["no benign prompt for evaluation", "builtin, only: [twins, patient_questions]"],
    ),
    "benign data only": (
        override("data.sources=[{name: builtin, only: [twins, patient_questions]}]"),
        ["no harmful prompt for training"],
    ),
    "no safe completions": (
        sources(UNANSWERED, more=BENIGN),
        ["has a safe completion", "pairs.chosen=best"],
    ),
    "no reward model": (
        override("score.reward_models=[/nope/rm]"),
        ["score.reward_models: /nope/rm: holds no"],
    ),
    "no expert labels": (
        override("pairs.expert_labels=[/nope/labels.jsonl]"),
        ["/nope/labels.jsonl"],
    ),
    "expert labels that are none": (labels_that_are_none, ["labels.jsonl"]),
    "a suite without its field": (
        suite_without_its_field,
        ["suite.jsonl:1: no text in field 'prompt'"],
    ),
    "a suite named as a split": (
        a_suite_named_as_a_split,
        ["twins names a suite of the run's own test split too"],
    ),
    "more ranks than rows a step": (
        override("trainer.devices=32"),
        ["sft.global_batch_size=16: fewer rows a step than the 32 ranks"],
    ),
}
