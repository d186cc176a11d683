"""A policy as plain directories that transformers and peft load without Primum, checked before
anyone relies on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from models.adapters.folder import load_adapter, write_adapter
from models.adapters.wrapping import adapter_on, merge, unwrapped
from models.config import ModelConfig
from models.loading.lineage import Lineage
from models.loading.load import clear_quantisation, quieten, save_tokenizer
from models.loading.stored import export_dtype, store_in
from models.portable import make_portable
from models.tokens import prompt_ids
from records.disk_room import require_room
from records.errors import ModelError
from records.rows import user
from records.stage_folder import write_json

TOLERANCE = 1e-3
"""Largest difference between logits before and after a round trip; merging LoRA in float32 changes
the order of additions."""
ROUNDED = 0.05
"""The same where weights are rounded to 16 bits, every one of them: a share of the largest
logit."""
PROBES = (
    "What is asthma?",
    "How much water should I drink in a day when it is hot?",
    "Explain what informed consent means.",
)


def export_policy(
    model: Any, tokenizer: Any, folder: Path, lineage: Lineage | None = None
) -> dict[str, Any]:
    """Write `folder/adapter` (when adapted) and `folder/policy` (merged), reload both with the
    plain libraries and compare logits.

    The policy is stored in `lineage.dtype`, the adapter relative to `lineage.base`; without a
    lineage the base is what the model was loaded from. Consumes the model; writes export.json with
    the differences. Raises ModelError when a reloaded copy answers differently.
    """
    quieten()
    model = model.eval()
    lineage = lineage or Lineage(ModelConfig(path=unwrapped(model).config._name_or_path))
    require_room(folder, 1.2 * sum(p.numel() * p.element_size() for p in model.parameters()) / 1e9)
    probes = [prompt_ids(tokenizer, user(text)) for text in PROBES]
    # Before the merge, which consumes the adapter's layers: what was trained is the measure of all
    # that follows.
    wanted = probe_logits(model, probes)
    trained_in = unwrapped(model).dtype
    stored_in = export_dtype(lineage.dtype, lineage.base, trained_in)
    names = ("policy", "adapter") if adapter_on(model).keeps_base else ("policy",)
    if "adapter" in names:
        # As long as A and B stand apart from the weights that they are about to be added to.
        write_adapter(model, tokenizer, folder / "adapter", lineage)
    plain = merge(model)
    found = {"merged": _largest(wanted, probe_logits(plain, probes))}
    store_in(plain, stored_in)
    write_policy(plain, tokenizer, folder / "policy")
    # Rounded by now, and back in the type of training: what a reader of the files computes with, so
    # that the reloaded policy is held to TOLERANCE and not to the rounding.
    store_in(plain, trained_in)
    stored = probe_logits(plain, probes)
    found["stored"] = _largest(wanted, stored)
    # Reloading brings another copy: two large models need not fit beside each other.
    del plain, model
    # `names` has one entry after full training, which leaves no adapter. An adapter is compared
    # with what was trained, as its folder holds no rounded weights.
    for name, logits in zip(names, (stored, wanted), strict=False):
        load = load_policy if name == "policy" else load_adapter
        found[name] = _largest(
            logits, probe_logits(load(folder / name, lineage, trained_in).eval(), probes)
        )
        _require_same_tokenizer(folder / name, tokenizer, probes, lineage.base)
    report = {
        "tolerance": TOLERANCE,
        "probes": len(probes),
        "dtype": str(stored_in).removeprefix("torch."),
        **found,
    }
    write_json(folder / "export.json", report)
    rounded = ROUNDED * max(logits.abs().max().item() for logits in wanted)
    _require_close(
        folder, found, _limits(rounded, trained_in, stored_in, later=lineage.earlier is not None)
    )
    return report


def differences(report: dict[str, Any]) -> str:
    """Of a report, for people."""
    return ", ".join(
        f"{name} {report[name]:.1e}"
        for name in ("merged", "stored", "policy", "adapter")
        if name in report
    )


def write_policy(model: Any, tokenizer: Any, folder: Path) -> None:
    """A directory that every transformers from 4.45 on reads as the same model, its author's
    generation settings with it."""
    clear_quantisation(model)
    settings = model.generation_config
    # What is saved through transformers must pass a check that older models fail.
    model.generation_config = GenerationConfig()
    model.save_pretrained(folder)
    model.generation_config = settings
    write_json(folder / "generation_config.json", json.loads(settings.to_json_string()))
    save_tokenizer(tokenizer, folder)
    make_portable(folder, tokenizer)


def load_policy(folder: Path, lineage: Lineage, dtype: torch.dtype) -> Any:
    """The model of a policy directory."""
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, trust_remote_code=lineage.base.trust_remote_code
    )


def _limits(
    rounded: float, trained_in: torch.dtype, stored_in: torch.dtype, *, later: bool
) -> dict[str, float]:
    """Largest difference that each step may make. What is written must come back as it is; only
    rounding to 16 bits is allowed more.

    An adapter of a later stage skips the rounding of the policies in between.
    """
    merging = TOLERANCE if trained_in == torch.float32 else rounded
    storing = TOLERANCE if trained_in == stored_in == torch.float32 else rounded
    return {
        "merged": merging,
        "stored": storing,
        "policy": TOLERANCE,
        "adapter": storing if later else TOLERANCE,
    }


def _require_close(folder: Path, found: dict[str, float], limits: dict[str, float]) -> None:
    wrong = {}
    for name, difference in found.items():
        # Not `>`: logits that are NaN must fail too.
        if not difference <= limits[name]:
            wrong[name] = difference
    if wrong:
        raise ModelError(
            f"{folder}: logits differ by {wrong}, wanted at most {limits}; the export is not usable"
        )


def _require_same_tokenizer(
    folder: Path, tokenizer: Any, probes: list[list[int]], base: ModelConfig
) -> None:
    reloaded = AutoTokenizer.from_pretrained(folder, trust_remote_code=base.trust_remote_code)
    same = (
        reloaded.special_tokens_map == tokenizer.special_tokens_map
        and reloaded.chat_template == tokenizer.chat_template
    )
    ids = [prompt_ids(reloaded, user(text)) for text in PROBES]
    # Without the template, too: `prompt_ids` adds no special tokens, other users of the folder do.
    plain = [reloaded(text)["input_ids"] for text in PROBES]
    if not same or ids != probes or plain != [tokenizer(text)["input_ids"] for text in PROBES]:
        raise ModelError(
            f"{folder}: the tokenizer was written and read back, and its ids, special tokens or "
            "chat template are others than those in use; the export is not usable. Name a "
            "model.base.path whose tokenizer has a tokenizer.json"
        )


@torch.inference_mode()
def probe_logits(model: Any, probes: list[list[int]]) -> list[torch.Tensor]:
    """(T, V) logits for each probe, on the CPU."""
    made: list[torch.Tensor] = []
    for ids in probes:
        made.append(
            model(input_ids=torch.tensor([ids], device=model.device)).logits[0].float().cpu()
        )
    return made


def _largest(wanted: list[torch.Tensor], got: list[torch.Tensor]) -> float:
    return max((a - b).abs().max().item() for a, b in zip(wanted, got, strict=True))
