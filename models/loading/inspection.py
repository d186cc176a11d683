"""Whether a model's files are there, whole, and fit for training, without loading a weight."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from transformers import AutoConfig
from transformers.utils import cached_file

from models.config import ModelConfig
from models.loading.broken_files import explained
from models.loading.hub import hub_is_away
from models.loading.load import architecture_of, load_tokenizer, model_location
from records.errors import ModelError, first_line
from records.regular_files import odd_files
from records.strict_json import strict_loads

MOST_HEADER = 100_000_000
"""Bytes; the safetensors library takes no longer ones."""


def require_model(config: ModelConfig, setting: str = "model.base.path") -> None:
    """Raise ModelError, before any stage works for it, with what is wrong with the model's files.

    A hub id that is not in the cache is looked for on the hub, where it answers. `setting` is empty
    for a model that the command line names.
    """
    if Path(model_location(config)).is_dir() or _named_as_folder(config) or hub_is_away():
        faults = model_faults(config, setting)
        if faults:
            raise ModelError(faults)
        return
    adapter = _file(config, "adapter_config.json", offline=False)
    if adapter:
        raise ModelError(adapter_fault(_named(config, setting), adapter))
    with explained(config.path):
        architecture = architecture_of(config)
    faults = quantisation_faults(architecture, _named(config, setting))
    if faults:
        raise ModelError(faults)


def model_faults(config: ModelConfig, setting: str = "model.base.path") -> list[str]:
    """Of the directory or the hub's cache that `setting` names: what it holds, its config, weights
    and their index.
    """
    where = model_location(config)
    folder = Path(where)
    if not folder.is_dir():
        return _hub_faults(config, setting)
    # First, as an adapter or a GGUF has no config.json either, and "no config.json" would not help.
    kind = _other_kind(folder, _named(config, setting))
    if kind:
        return [kind]
    # Before anything is read: a FIFO in the place of a file would hang the reader.
    if odd := odd_files(folder):
        return [f"{_named(config, setting)}: {fault}" for fault in odd]
    try:
        architecture = AutoConfig.from_pretrained(where, trust_remote_code=config.trust_remote_code)
    except Exception as error:  # whatever transformers raises, the user must read one line
        return [_config_fault(folder, config, setting, error)]
    faults = quantisation_faults(architecture, _named(config, setting))
    names = _weight_files(folder)
    if not names:
        return [
            *faults,
            (
                f"{folder}: no weights (*.safetensors or pytorch_model*.bin); download the model "
                "again, or `primum fetch`"
            ),
        ]
    for name in names:
        file = folder / name
        if not file.is_file():
            faults.append(f"{file}: named in the index but not there; download it again")
        elif (
            file.suffix == ".safetensors"
            # Its header ends with the offset of the last byte: a download that was cut off is found
            # without reading a weight.
            and (wanted := _safetensors_size(file)) != file.stat().st_size
        ):
            faults.append(
                f"{file}: got {file.stat().st_size} bytes, wanted {wanted}; its download was cut "
                "off, fetch it again"
            )
    return faults


def _named(config: ModelConfig, setting: str) -> str:
    return f"{setting}={config.path}" if setting else config.path


def _named_as_folder(config: ModelConfig) -> bool:
    return config.path.startswith((".", "/", "~")) or config.path.count("/") > 1


def _other_kind(folder: Path, where: str) -> str:
    """What the folder holds instead of a whole model; empty where it may be one."""
    if (folder / "adapter_config.json").is_file():
        return adapter_fault(where, folder / "adapter_config.json")
    if (folder / "config.json").is_file():
        return ""
    if list(folder.glob("*.gguf")):
        return (
            f"{where}: holds a GGUF file, which is for llama.cpp; wanted the model's safetensors "
            "and config.json; download those"
        )
    inner = [path.parent.name for path in sorted(folder.glob("*/config.json"))]
    if inner:
        return (
            f"{where}: no config.json there, but in {', '.join(inner[:4])}; wanted a model "
            f"directory; set it to {folder / inner[0]}"
        )
    # There, and no regular file: `odd_files` says what it is.
    if (folder / "config.json").exists():
        return ""
    return (
        f"{where}: no config.json there; wanted a Hugging Face model directory (config.json, "
        "weights and tokenizer); name another"
    )


def adapter_fault(where: str, file: Path) -> str:
    """What to say of a LoRA adapter: which base it needs, and how the two become one model."""
    try:
        base = (
            json.loads(file.read_text(encoding="utf-8")).get("base_model_name_or_path")
            or "its base"
        )
    except (OSError, ValueError, AttributeError, RecursionError):
        base = "its base"
    return (
        f"{where}: a LoRA adapter of {base} (it holds adapter_config.json), wanted a whole model; "
        "merge it into its base with these three lines of Python, then set the path to 'merged': "
        "from peft import AutoPeftModelForCausalLM; from transformers import AutoTokenizer; "
        f"AutoPeftModelForCausalLM.from_pretrained('{file.parent}')."
        "merge_and_unload().save_pretrained('merged'), "
        f"AutoTokenizer.from_pretrained('{base}').save_pretrained('merged')"
    )


def _config_fault(folder: Path, config: ModelConfig, setting: str, error: Exception) -> str:
    where = _named(config, setting)
    try:
        brings_code = "auto_map" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        brings_code = False
    if brings_code and not config.trust_remote_code:
        return (
            f"{where}: the model brings Python code of its own (auto_map in config.json), which is "
            "not run unasked; read it, then set model.base.trust_remote_code=true"
        )
    return (
        f"{where}: its config.json cannot be used ({first_line(error)}); wanted a Hugging Face "
        "model directory"
    )


def quantisation_faults(architecture: Any, where: str) -> list[str]:
    """A base whose weights are stored in a few bits (AWQ, GPTQ, bitsandbytes ...) can be trained
    neither whole nor under a merged adapter.
    """
    found = getattr(architecture, "quantization_config", None)
    if not found:
        return []
    method = (
        found.get("quant_method", "some method")
        if isinstance(found, dict)
        else getattr(found, "quant_method", "some method")
    )
    return [
        f"{where}: its weights are quantised ({getattr(method, 'value', method)}), wanted float32, "
        "bfloat16 or float16; an adapter could not be merged into them exactly; name the model "
        "that it was quantised from, and set model.base.dtype=bfloat16 to save memory"
    ]


def _hub_faults(config: ModelConfig, setting: str) -> list[str]:
    where = _named(config, setting)
    if _named_as_folder(config):
        return [f"{where}: no such directory; name one, or a hub id such as epfl-llm/meditron-7b"]
    adapter = _file(config, "adapter_config.json")
    if adapter:
        return [adapter_fault(where, adapter)]
    found = _file(config, "config.json")
    if not found and "/" not in config.path:
        return [
            f"{where}: no such directory, and no such model in the cache; name one, or a hub id "
            "such as epfl-llm/meditron-7b"
        ]
    if not found:
        return [
            f"{where}: not in the cache, and the hub cannot be asked from here (offline); run "
            f"`primum fetch` with your config, or `hf download {config.path}`, on a node with "
            "internet"
        ]
    folder = found.parent
    try:
        architecture = architecture_of(config)
    except Exception as error:  # as above
        return [_config_fault(folder, config, setting, error)]
    quantised = quantisation_faults(architecture, where)
    missing = [name for name in _weight_files(folder) if not (folder / name).is_file()]
    if missing or not _weight_files(folder):
        return [
            (
                f"{where}: the cache lacks {', '.join(missing) or 'its weights'}; run `primum "
                "fetch` again"
            ),
            *quantised,
        ]
    return quantised


def _file(config: ModelConfig, name: str, *, offline: bool = True) -> Path | None:
    """A file of a hub id, in the cache or, unless `offline`, on the hub; None where it is not
    there.
    """
    try:
        found = cached_file(
            config.path,
            name,
            revision=config.revision,
            local_files_only=offline,
            _raise_exceptions_for_missing_entries=False,
        )
    except (OSError, ValueError):
        return None
    return Path(found) if found else None


def _weight_files(folder: Path) -> list[str]:
    for index in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        if (folder / index).is_file():
            return _indexed(folder / index)
    return [name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).exists()]


def _indexed(index: Path) -> list[str]:
    """Raises ModelError for an index that names no files."""
    try:
        names = strict_loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return sorted(
            {os.fspath(index.parent / name).removeprefix(f"{index.parent}/") for name in names}
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{index}: names no weights ({first_line(error)}), wanted a weight_map of tensors to "
            "files; download it again"
        ) from error


def _safetensors_size(file: Path) -> int | None:
    """Bytes that the header promises; None where it cannot be read."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            # A damaged length must not read a whole shard into memory.
            header = json.loads(opened.read(min(length, MOST_HEADER)))
        ends = [
            entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"
        ]
        return 8 + length + max(ends, default=0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def tokenizer_faults(config: ModelConfig) -> tuple[Any | None, list[str]]:
    """(tokenizer, faults): it loads, and its chat format holds the token contract."""
    try:
        return load_tokenizer(config), []
    except ModelError as error:
        return None, error.faults
