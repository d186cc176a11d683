"""Completions of a model that are remembered: asked again for the same prompts, it does not write
them again.

They lie in the cache under a hash of everything that they depend on: the model's contents, its chat
format, how it decodes, and the libraries. A run's evaluation of its base finds there what `primum
measure` has kept.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import torch

from eval.measure import completions_of
from models.config import GenerationConfig, ModelConfig
from models.engines.generate import Generated, generation_dtype
from pipeline.model_identity import model_identity, template_identity
from records.cache import cache_directory
from records.own_files import Object, entry, read_rows, sealed_line
from records.rows import Completion, Prompt, json_line
from records.stage_folder import sha256_json

FOLDER, VERSION = "completions", 1
LIBRARIES = ("torch", "transformers")
OWN_ENGINE = "transformers"
"""The only one whose completions a run's evaluation takes from here."""


class KeptCompletions:
    """Of one model under one way of decoding."""

    def __init__(
        self,
        model: ModelConfig,
        generation: GenerationConfig,
        device: torch.device,
        engine: str = OWN_ENGINE,
    ) -> None:
        name = _key(model, generation, device, engine)[:32]
        self.path = cache_directory() / FOLDER / f"{name}.jsonl"
        # A damaged line costs one completion, which is written again.
        rows, _ = read_rows(self.path, _row) if self.path.is_file() else ([], [])
        self._known = {row["prompt"]: _generated(row) for row in rows}

    def of(self, prompts: Sequence[Prompt], *, policy: str) -> list[Completion | None]:
        """Of each prompt what is remembered, as `policy`'s."""
        found = [(prompt, self._known.get(_prompt_key(prompt))) for prompt in prompts]
        # Under the policy's own name: the same model may be a base in one run and a candidate in
        # another.
        kept: list[Completion | None] = []
        for prompt, made in found:
            kept.append(completions_of([prompt], [made], policy=policy)[0] if made else None)
        return kept

    def missing(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The prompts that have no completion yet."""
        found: list[Prompt] = []
        for prompt in prompts:
            if _prompt_key(prompt) not in self._known:
                found.append(prompt)
        return found

    def keep(self, prompts: Sequence[Prompt], completions: Iterable[Completion]) -> None:
        """Remember them, on the disk too; the file is its owner's alone, since completions may be
        harmful.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # O_NOFOLLOW: in a cache that is shared, a link could lead the texts anywhere. Append: two
        # processes add lines without overwriting each other's.
        descriptor = os.open(
            self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600
        )
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            for prompt, made in zip(prompts, completions, strict=True):
                (message,) = made.completion
                row = {
                    "prompt": _prompt_key(prompt),
                    "text": message["content"],
                    "num_tokens": made.num_tokens,
                    "finish_reason": made.finish_reason,
                }
                file.write(sealed_line(row))
                self._known[row["prompt"]] = _generated(row)


def _key(
    model: ModelConfig, generation: GenerationConfig, device: torch.device, engine: str
) -> str:
    decoding = dataclasses.asdict(generation)
    # A completion does not depend on its batch; the type that was used counts below.
    for setting in (
        "batch_size",
        "dtype",
    ):
        del decoding[setting]
    chat = {}
    for name in ("chat_template", "template_date", "trust_remote_code"):
        chat[name] = getattr(model, name)
    contents = {**model_identity(model), **template_identity(model)}
    return sha256_json(
        {
            "version": VERSION,
            # By contents and not by path, so that a copied or renamed model finds its completions.
            "contents": sorted(contents.values()),
            "chat": chat,
            "decoding": decoding,
            "dtype": str(generation_dtype(generation)),
            # Kernels of another device round otherwise, and a greedy completion can part at one
            # token.
            "device": device.type,
            "libraries": {name: version(name) for name in LIBRARIES},
            **({} if engine == OWN_ENGINE else {"engine": engine}),
        }
    )


def _prompt_key(prompt: Prompt) -> str:
    return sha256_json(json_line({"messages": prompt.prompt}))


def _row(row: Object) -> dict[str, Any]:
    for name, kind in (("prompt", str), ("text", str), ("num_tokens", int), ("finish_reason", str)):
        entry(row, name, kind)
    return row


def _generated(row: dict[str, Any]) -> Generated:
    return Generated(row["text"], row["num_tokens"], row["finish_reason"])


def kept_base(
    model: ModelConfig,
    prompts: Sequence[Prompt],
    generation: GenerationConfig,
    device: torch.device,
    *,
    policy: str,
) -> list[Completion]:
    """All of a base's completions where each of them is remembered; else none, so that a run's
    batches stay as they are.
    """
    kept = KeptCompletions(model, generation, device)
    # A part of them would change which prompts are batched together, and with it rounding.
    return (
        [] if kept.missing(prompts) else [made for made in kept.of(prompts, policy=policy) if made]
    )
