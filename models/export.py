"""A policy as plain directories that transformers and peft load without Primum, checked before anyone relies on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from data_prep.artifacts import require_room, write_json
from data_prep.errors import ModelError
from data_prep.records import user
from models.adapter import merge, unwrapped
from models.load import clear_quantisation, quieten, save_tokenizer
from models.tokens import prompt_ids

TOLERANCE = 1e-3
"""Largest difference between logits before and after a round trip; merging LoRA in float32 changes the order of additions."""
ROUNDED = 0.05
"""The same for merging into 16-bit weights, which rounds every one of them: a share of the largest logit."""
PROBES = ("What is asthma?", "How much water should I drink in a day when it is hot?", "Explain what informed consent means.")


def export_policy(model: Any, tokenizer: Any, folder: Path) -> dict[str, Any]:
    """Write `folder/adapter` (when adapted) and `folder/policy` (merged), reload both with the plain libraries and compare logits.

    Consumes the model. Raises ModelError when a reloaded copy answers differently; writes export.json with the differences.
    """
    quieten()
    model = model.eval()
    require_room(folder, 1.2 * sum(p.numel() * p.element_size() for p in model.parameters()) / 1e9)
    probes = [prompt_ids(tokenizer, user(text)) for text in PROBES]
    wanted = probe_logits(model, probes)
    report: dict[str, Any] = {"tolerance": TOLERANCE, "probes": len(probes)}
    adapted = isinstance(model, PeftModel)
    if adapted:
        model.save_pretrained(folder / "adapter")
    base_path = model.peft_config["default"].base_model_name_or_path if adapted else None
    dtype = unwrapped(model).dtype
    plain = merge(model)
    merged = probe_logits(plain, probes)
    report["merged"] = _largest(wanted, merged)
    clear_quantisation(plain)
    plain.save_pretrained(folder / "policy")
    save_tokenizer(tokenizer, folder / "policy")
    del plain, model
    report["policy"] = _difference(merged, AutoModelForCausalLM.from_pretrained(folder / "policy", dtype=dtype), probes)
    if adapted:
        base = AutoModelForCausalLM.from_pretrained(base_path, dtype=dtype)
        report["adapter"] = _difference(wanted, PeftModel.from_pretrained(base, folder / "adapter"), probes)
    reloaded = AutoTokenizer.from_pretrained(folder / "policy")
    if [prompt_ids(reloaded, user(text)) for text in PROBES] != probes:
        raise ModelError(f"{folder / 'policy'}: the reloaded tokenizer gives other ids than the one in use")
    write_json(folder / "export.json", report)
    allowed = TOLERANCE if dtype == torch.float32 else ROUNDED * max(logits.abs().max().item() for logits in wanted)
    limits = {"merged": allowed, "policy": TOLERANCE, "adapter": TOLERANCE}
    wrong = {name: report[name] for name, limit in limits.items() if name in report and not report[name] <= limit}
    if wrong:
        raise ModelError(f"{folder}: logits differ by {wrong}, wanted at most {limits}; the export is not usable")
    return report


@torch.inference_mode()
def probe_logits(model: Any, probes: list[list[int]]) -> list[torch.Tensor]:
    """(T, V) logits for each probe, on the CPU."""
    return [model(input_ids=torch.tensor([ids], device=model.device)).logits[0].float().cpu() for ids in probes]


def _difference(wanted: list[torch.Tensor], model: Any, probes: list[list[int]]) -> float:
    return _largest(wanted, probe_logits(model.eval(), probes))


def _largest(wanted: list[torch.Tensor], got: list[torch.Tensor]) -> float:
    return max((a - b).abs().max().item() for a, b in zip(wanted, got, strict=True))
