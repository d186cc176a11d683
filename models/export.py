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
from models.adapter import merge
from models.load import clear_quantisation, quieten
from models.tokens import prompt_ids

TOLERANCE = 1e-3
"""Largest difference between logits before and after export, fp32; merging LoRA changes the order of additions."""
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
    dtype = next(model.parameters()).dtype
    plain = merge(model)
    clear_quantisation(plain)
    plain.save_pretrained(folder / "policy")
    tokenizer.save_pretrained(folder / "policy")
    del plain, model
    report["policy"] = _difference(wanted, AutoModelForCausalLM.from_pretrained(folder / "policy", dtype=dtype), probes)
    if adapted:
        base = AutoModelForCausalLM.from_pretrained(base_path, dtype=dtype)
        report["adapter"] = _difference(wanted, PeftModel.from_pretrained(base, folder / "adapter"), probes)
    reloaded = AutoTokenizer.from_pretrained(folder / "policy")
    if [prompt_ids(reloaded, user(text)) for text in PROBES] != probes:
        raise ModelError(f"{folder / 'policy'}: the reloaded tokenizer gives other ids than the one in use")
    write_json(folder / "export.json", report)
    wrong = {name: value for name, value in report.items() if name in ("policy", "adapter") and not value <= TOLERANCE}
    if wrong:
        raise ModelError(f"{folder}: reloaded logits differ by {wrong}, wanted at most {TOLERANCE}; the export is not usable")
    return report


@torch.inference_mode()
def probe_logits(model: Any, probes: list[list[int]]) -> list[torch.Tensor]:
    """(T, V) logits for each probe, on the CPU."""
    return [model(input_ids=torch.tensor([ids], device=model.device)).logits[0].float().cpu() for ids in probes]


def _difference(wanted: list[torch.Tensor], model: Any, probes: list[list[int]]) -> float:
    got = probe_logits(model.eval(), probes)
    return max((a - b).abs().max().item() for a, b in zip(wanted, got, strict=True))
