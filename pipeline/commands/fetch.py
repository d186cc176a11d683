"""`primum fetch`: model and data that a config names on the hub, into the cache of a node that has
internet.
"""

from __future__ import annotations

from pathlib import Path

from models.config import EMBEDDED, TINY, ModelConfig
from models.loading.inspection import model_faults
from models.loading.load import model_location
from pipeline.run.config import RunConfig, embedding_model
from pipeline.run.console import say
from records.errors import ModelError, PrimumError, RecordError, first_line

SKIPPED = ("*.pth", "original/*", "*.gguf", "*.onnx", "*.msgpack", "*.h5", "consolidated*")
"""Copies of the weights in formats that nothing here reads."""


def fetch(config: RunConfig) -> None:
    """Everything is tried; the faults of all are raised together."""
    faults: list[str] = []
    for setting, model in {
        "model.base.path": config.model.base,
        "data.embedding.model": embedding_model(config),
    }.items():
        try:
            if model:
                _fetch_model(model, setting)
        except PrimumError as error:
            faults += error.faults
    for source in config.data.sources:
        if source.is_downloaded:
            try:
                _fetch_data(source.path, source.dataset_config, source.dataset_split)
            except PrimumError as error:
                faults += error.faults
    if faults:
        raise PrimumError(faults)


def _fetch_model(model: ModelConfig, setting: str) -> None:
    if model.path in (EMBEDDED, TINY):
        say("fetch", f"{model.path}: in {model_location(model)}")
        return
    if Path(model.path).is_dir():
        say("fetch", f"{model.path}: a local directory, nothing to fetch")
        return
    from huggingface_hub import snapshot_download  # noqa: PLC0415  most runs never need it

    say("fetch", f"{model.path}: from the hub")
    try:
        names = _weights_of(model)
        where = snapshot_download(
            model.path, revision=model.revision, ignore_patterns=[*SKIPPED, *names]
        )
    except Exception as error:  # network, permission and naming faults come in dozens of types
        raise ModelError(
            f"{setting}={model.path}: cannot be fetched ({first_line(error)}); is this node "
            "online, and has HF_TOKEN access?"
        ) from error
    faults = model_faults(model, setting)
    if faults:
        raise ModelError(faults)
    say("fetch", f"{model.path}: in {where}")


def _weights_of(model: ModelConfig) -> list[str]:
    """Patterns to leave out: the pickled weights, where there are safetensors."""
    from huggingface_hub import list_repo_files  # noqa: PLC0415

    files = list_repo_files(model.path, revision=model.revision)
    # With safetensors beside them pickled weights double the download, and loading them can run
    # code.
    return ["*.bin"] if any(name.endswith(".safetensors") for name in files) else []


def _fetch_data(path: str, name: str | None, split: str) -> None:
    from datasets import load_dataset  # noqa: PLC0415  takes seconds

    say("fetch", f"{path}: from the hub")
    try:
        # Loading is what fills the library's cache, from which an offline job reads.
        rows = load_dataset(path, name, split=split)
    except Exception as error:
        raise RecordError(
            f"source {path}: cannot be fetched ({first_line(error)}); is this node online, and is "
            "the name right?"
        ) from error
    say("fetch", f"{path}: {len(rows)} rows")
