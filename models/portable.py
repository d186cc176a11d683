"""A written model directory made readable by older transformers: what version 5 writes in new words
is said in the old words too.

Without them an older version loads the directory without an error and computes with default
positions, or finds no tokenizer class.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from records.permissions import current_umask, open_to_readers
from records.stage_folder import read_json, write_json

OLDEST_TRANSFORMERS = "4.45"
"""Oldest version that exported directories are tested with; before it, the tokenizers library
cannot read tokenizer.json."""
GENERIC_TOKENIZER = "PreTrainedTokenizerFast"
"""The class that reads tokenizer.json as it is, in every version."""
LOCAL_KEYS = (
    "is_local",
    "local_files_only",
    "name_or_path",
    "special_tokens_map_file",
    "tokenizer_file",
)
"""What a tokenizer remembers of the machine that it was loaded on."""
_RENAMED = {
    "dtype": "torch_dtype",
    "_sliding_window_pattern": "sliding_window_pattern",
    "num_local_experts": "num_experts",
}
"""Settings of a model that version 5 writes, and what version 4 reads."""
_NEOX_NAMES = {"rope_theta": "rotary_emb_base", "partial_rotary_factor": "rotary_pct"}
_LONGROPE_OF_PHI = ("phi3", "phi4_multimodal")
"""Their older configurations accept exactly three fields of scaling."""


def make_portable(folder: Path, tokenizer: Any) -> None:
    """Rewrite the JSON files of `folder`, which this transformers has written, so that versions
    from 4.45 on read the same model.

    `tokenizer` is the one that was saved there. Readers other than the owner may read every file,
    as the process's umask allows.
    """
    config = folder / "config.json"
    if config.is_file():
        write_json(config, portable_config(read_json(config)))
    tokenizer_config = folder / "tokenizer_config.json"
    # A tokenizer without tokenizer.json has no class that every version shares.
    if tokenizer_config.is_file() and (folder / "tokenizer.json").is_file():
        write_json(
            tokenizer_config, portable_tokenizer_config(read_json(tokenizer_config), tokenizer)
        )
        write_json(folder / "special_tokens_map.json", tokenizer.special_tokens_map)
    open_to_readers(folder, current_umask())  # safetensors makes its files for the owner alone


def portable_config(config: dict[str, Any]) -> dict[str, Any]:
    """The content of config.json with `rope_theta`, `rope_scaling` and `torch_dtype` beside their
    newer names, in nested configs too."""
    written: dict[str, Any] = {}
    for key, value in config.items():
        written[key] = portable_config(value) if _is_config(value) else value
    if written.get("rope_parameters"):
        written.update(_older_rope(written["rope_parameters"], str(written.get("model_type", ""))))
    for name, older in _RENAMED.items():
        if written.get(name) is not None:
            written.setdefault(older, written[name])
    # A path of this machine means nothing elsewhere, and may name who trained the model.
    if os.path.isabs(str(written.get("_name_or_path", ""))):
        del written["_name_or_path"]
    return written


def _is_config(value: Any) -> bool:
    return isinstance(value, dict) and ("model_type" in value or "rope_parameters" in value)


def _older_rope(rope: dict[str, Any], model_type: str) -> dict[str, Any]:
    """Rotary positions in the words of transformers 4; layers that slide and layers that do not may
    have their own."""
    if "full_attention" in rope:
        sliding = rope.get("sliding_attention") or {}
        # Gemma 3's word in version 4 for the base of its sliding layers.
        local = {"rope_local_base_freq": sliding["rope_theta"]} if "rope_theta" in sliding else {}
        return {**_older_rope(rope["full_attention"], model_type), **local}
    names = _NEOX_NAMES if model_type.startswith("gpt_neox") else {}
    found = {}
    for key in ("rope_theta", "partial_rotary_factor"):
        if key in rope:
            found[names.get(key, key)] = rope[key]
    scaling = {}
    for key, value in rope.items():
        if key not in ("rope_theta", "partial_rotary_factor"):
            scaling[key] = value
    # Qwen2-VL keeps `mrope_section` among the scaling settings though nothing is scaled, so there
    # they must not become null.
    if rope.get("rope_type", "default") == "default" and "mrope_section" not in rope:
        return {**found, "rope_scaling": None}
    if rope["rope_type"] == "longrope" and model_type in _LONGROPE_OF_PHI:
        scaling = {
            "type": "longrope",
            "short_factor": rope["short_factor"],
            "long_factor": rope["long_factor"],
        }
    return {**found, "rope_scaling": scaling}


def portable_tokenizer_config(config: dict[str, Any], tokenizer: Any) -> dict[str, Any]:
    """The content of tokenizer_config.json for a tokenizer that is whole in tokenizer.json.

    What older versions would otherwise assume is stated: how decoded text is cleaned, which inputs
    a model takes, and the chat template.
    """
    written = {}
    for key, value in config.items():
        if key not in LOCAL_KEYS:
            written[key] = value
    if "auto_map" not in written:  # else its author's code is the class
        written["tokenizer_class"] = GENERIC_TOKENIZER
    written["clean_up_tokenization_spaces"] = bool(tokenizer.clean_up_tokenization_spaces)
    # Version 4's generic class also makes token_type_ids, which decoders refuse.
    written["model_input_names"] = list(tokenizer.model_input_names)
    extra = written.pop("extra_special_tokens", None)
    if isinstance(extra, list):  # an older version reads a mapping of names there, and nothing else
        written["additional_special_tokens"] = extra
    elif extra is not None:
        written["extra_special_tokens"] = extra
    if tokenizer.chat_template:
        written["chat_template"] = _older_templates(tokenizer.chat_template)
    return written


def _older_templates(templates: str | dict[str, str]) -> str | list[dict[str, str]]:
    if isinstance(templates, str):
        return templates
    made = []
    for name, template in templates.items():
        made.append({"name": name, "template": template})
    return made
