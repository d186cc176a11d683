"""What the fingerprint of a stage knows of a model: what its files hold, and what writes its
prompts.
"""

from __future__ import annotations

from pathlib import Path

from models.config import ModelConfig
from models.loading.chat_templates import CHAT_TEMPLATES
from models.loading.inspection import require_model
from models.loading.load import model_location
from pipeline.run.config import RunConfig
from records.cache import cache_directory
from records.content_hashes import content_hashes
from records.errors import ModelError, unreadable
from records.stage_folder import sha256_file, sha256_json

REMEMBERED_FROM = 2**20
"""Bytes from which a file's hash is remembered; smaller ones are read faster than their notes."""
HASHES = "hashes"
"""Folder of the cache that remembers them."""
TOKENIZER_FILES = ("*token*", "*.jinja", "vocab.*", "merges.txt", "generation_config.json")


def model_files(config: RunConfig) -> dict[str, str]:
    """The base model's identity for a stage's fingerprint, the file of its chat template with
    it.
    """
    return {**model_identity(config.model.base), **template_identity(config.model.base)}


def model_identity(model: ModelConfig, setting: str = "model.base.path") -> dict[str, str]:
    """The hash of what its files hold, weights too; of a hub id its revision.

    Raises where there is no such model.

    Large files are read once: weights that were trained again in place have the same size.
    """
    require_model(model, setting)
    path = Path(model_location(model))
    # A hub id's files may not be here yet, and a revision names them exactly.
    if not path.is_dir():
        return {f"model {model.path}": f"revision {model.revision}"}
    files = []
    # Only the folder's own files: what lies deeper (original/, onnx/) is not loaded.
    for file in sorted(path.iterdir()):
        if file.is_file():
            files.append(file)
    large = []
    for file in files:
        if file.stat().st_size >= REMEMBERED_FROM:
            large.append(file)
    try:
        known = content_hashes(large, cache_directory() / HASHES)
        parts = {}
        for file in files:
            parts[file.name] = known[file] if file in known else sha256_file(file)
    except OSError as error:
        raise ModelError(unreadable(f"{setting}={model.path}", path, error)) from error
    return {f"model {model.path}": sha256_json(parts)}


def template_identity(model: ModelConfig) -> dict[str, str]:
    """The hash of the Jinja file that model.base.chat_template names, where it names one."""
    named = model.chat_template
    if named is None or named in CHAT_TEMPLATES or not Path(named).is_file():
        return {}
    return {f"chat template {named}": sha256_file(Path(named))}


def tokenizer_identity(model: ModelConfig) -> dict[str, str]:
    """Hashes of the files that say how messages become tokens; of a hub id its revision.

    Raises where there is no such model.
    """
    require_model(model)
    path, template = Path(model_location(model)), template_identity(model)
    if not path.is_dir():
        return {f"tokenizer {model.path}": f"revision {model.revision}", **template}
    found = sorted(
        file for pattern in TOKENIZER_FILES for file in path.glob(pattern) if file.is_file()
    )
    return {
        # Without the weights, which have no say in how messages become tokens.
        f"tokenizer {model.path}": sha256_json({file.name: sha256_file(file) for file in found}),
        **template,
    }
