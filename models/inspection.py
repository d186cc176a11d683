"""Whether a model's files are there, whole, and fit for training, without loading a weight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import AutoConfig
from transformers.utils import cached_file

from data_prep.errors import ModelError, first_line
from models.config import ModelConfig
from models.load import load_tokenizer, model_location


def model_faults(config: ModelConfig, setting: str = "model.base.path") -> list[str]:
    """Of the directory or the hub's cache that `setting` names: config, weights and their index."""
    where = model_location(config)
    folder = Path(where)
    if not folder.is_dir():
        return _hub_faults(config, setting)
    try:
        AutoConfig.from_pretrained(where, trust_remote_code=config.trust_remote_code)
    except Exception as error:  # whatever transformers raises, the user must read one line
        return [f"{setting}={config.path}: its config.json cannot be used ({first_line(error)}); wanted a Hugging Face model directory"]
    names = _weight_files(folder)
    if not names:
        return [f"{folder}: no weights (*.safetensors or pytorch_model*.bin); download the model again, or `primum fetch`"]
    faults = []
    for name in names:
        file = folder / name
        if not file.is_file():
            faults.append(f"{file}: named in the index but not there; download it again")
        elif file.suffix == ".safetensors" and (wanted := _safetensors_size(file)) != file.stat().st_size:
            faults.append(f"{file}: got {file.stat().st_size} bytes, wanted {wanted}; its download was cut off, fetch it again")
    return faults


def _hub_faults(config: ModelConfig, setting: str) -> list[str]:
    if config.path.startswith((".", "/", "~")) or config.path.count("/") != 1:
        return [f"{setting}={config.path}: no such directory; name one, or a hub id such as epfl-llm/meditron-7b"]
    try:
        found = cached_file(
            config.path, "config.json", revision=config.revision, local_files_only=True, _raise_exceptions_for_missing_entries=False
        )
    except OSError:
        found = None
    if not found:
        return [f"{setting}={config.path}: not in the cache, and compute nodes are offline; run `primum fetch` on a node with internet"]
    folder = Path(found).parent
    missing = [name for name in _weight_files(folder) if not (folder / name).is_file()]
    if missing or not _weight_files(folder):
        return [f"{setting}={config.path}: the cache lacks {', '.join(missing) or 'its weights'}; run `primum fetch` again"]
    return []


def _weight_files(folder: Path) -> list[str]:
    for index in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        if (folder / index).is_file():
            return sorted(set(json.loads((folder / index).read_text())["weight_map"].values()))
    return [name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).exists()]


def _safetensors_size(file: Path) -> int | None:
    """Bytes that the header promises; None where it cannot be read."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return 8 + length + max(ends, default=0)
    except (OSError, ValueError, KeyError, MemoryError, OverflowError):
        return None


def tokenizer_faults(config: ModelConfig) -> tuple[Any | None, list[str]]:
    """(tokenizer, faults): it loads, and its chat format holds the token contract."""
    try:
        return load_tokenizer(config), []
    except ModelError as error:
        return None, error.faults
