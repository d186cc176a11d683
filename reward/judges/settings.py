"""How a scorer that asks a model or people is set up; docs/judges.md goes through it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from models.config import Engine, GenerationConfig, ModelConfig, VllmConfig

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class BudgetConfig:
    """Where a judge stops asking. What is left then is unscored, with that reason. Limits hold
    over resumed runs together."""

    requests: int | None = None
    tokens: int | None = None
    """Read and written ones together."""
    cost: float | None = None
    """In the currency of the prices."""
    input_price: float | None = None
    """Of a million tokens that the model reads."""
    output_price: float | None = None
    """Of a million tokens that it writes."""

    def __post_init__(self) -> None:
        numbers = [self.requests, self.tokens, self.cost, self.input_price, self.output_price]
        if any(number is not None and number < 0 for number in numbers):
            raise ValueError(f"budget: no number may be below 0, got {self}")
        if self.cost is not None and (self.input_price is None or self.output_price is None):
            raise ValueError(
                f"budget.cost is {self.cost:g}, but nothing says what a token costs; "
                "set budget.input_price and budget.output_price, each for a million tokens"
            )


@dataclass(frozen=True, kw_only=True)
class EndpointConfig:
    """A server that speaks OpenAI's protocol. There is no default: nothing is asked over a
    network that no setting names."""

    base_url: str
    """Up to and with the version, as in http://node7:8000/v1."""
    model: str
    """The name that the server knows the model by. Replies are kept under it, so name a fixed
    revision."""
    api_key_env: str = ""
    """The environment variable that holds the key; empty for a server that wants none. The key
    itself stands in no file."""
    concurrency: int = 8
    """Requests under way at once."""
    timeout: float = 120.0
    """Seconds until a request without a reply is given up and sent again."""
    retries: int = 6
    """Times that a request is sent again after 429, 5xx, a time-out, a cut connection or a reply
    that is none."""
    first_wait: float = 1.0
    """Seconds before the first repetition, doubled each time, a random part of it taken off.
    Retry-After counts where it is longer."""
    longest_wait: float = 120.0
    """Seconds; also the most that a Retry-After is waited for."""
    max_tokens: int = 512
    token_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the limit; OpenAI's reasoning models want max_completion_tokens."""
    temperature: float | None = 0.0
    """null leaves it to the server, which some models insist on."""
    seed: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """Further fields of the request's body, as the server names them."""
    budget: BudgetConfig = field(default_factory=BudgetConfig)

    def __post_init__(self) -> None:
        faults = [*_address_faults(self.base_url), *self._number_faults()]
        if not self.model.strip():
            faults.append("endpoint.model is empty; name the model as the server does (GET base_url/models lists them)")
        if self.api_key_env and not _VARIABLE.fullmatch(self.api_key_env):
            # What stands there may be the key itself, so it is not repeated.
            faults.append(
                "endpoint.api_key_env must be the name of an environment variable, such as OPENAI_API_KEY, and never the key; "
                "what it holds now is no such name: if it is a key, take it out of the file and change the key"
            )
        if faults:
            raise ValueError("\n".join(faults))

    def _number_faults(self) -> list[str]:
        faults = []
        if min(self.concurrency, self.max_tokens) < 1 or self.retries < 0:
            faults.append(
                "endpoint.concurrency and endpoint.max_tokens must be at least 1 and endpoint.retries at least 0, "
                f"got {self.concurrency}, {self.max_tokens} and {self.retries}"
            )
        if self.timeout <= 0 or self.first_wait < 0 or self.longest_wait < self.first_wait:
            faults.append(
                "endpoint.timeout must be above 0 and 0 <= first_wait <= longest_wait, "
                f"got {self.timeout:g}, {self.first_wait:g} and {self.longest_wait:g}"
            )
        return faults


def _address_faults(address: str) -> list[str]:
    parts = urlsplit(address)
    wanted = "wanted http(s)://HOST[:PORT]/PATH, such as http://localhost:8000/v1"
    if parts.username or parts.password:
        return [f"endpoint.base_url holds a name or password; {wanted}, and the key in the variable of endpoint.api_key_env"]
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return [f"endpoint.base_url is {address!r}; {wanted}"]
    if parts.query or parts.fragment:
        return [f"endpoint.base_url has a query or a fragment; {wanted}"]
    return []


@dataclass(frozen=True, kw_only=True)
class LocalModelConfig:
    """A judge on this machine."""

    model: ModelConfig = field(default_factory=ModelConfig)
    generation: GenerationConfig = field(default_factory=lambda: GenerationConfig(max_new_tokens=512, batch_size=8))
    engine: Engine = "transformers"
    vllm: VllmConfig = field(default_factory=VllmConfig)


@dataclass(frozen=True, kw_only=True)
class RubricConfig:
    policy: Literal["medical", "general"] = "medical"
    """medical: the nine principles of medical ethics; general: a general usage policy. The paper
    has both."""
    policy_file: str = ""
    """A text file with another policy."""
    scale_file: str = ""
    """A text file with another description of the levels 1 to 5."""


@dataclass(frozen=True, kw_only=True)
class GuardConfig:
    family: str = ""
    """wildguard, llama_guard_3, llama_guard_4, qwen3guard, shieldgemma, granite_guardian or
    granite_guardian_3_3."""
    column: Literal["harm", "refusal"] = "harm"
    """What is read from its reply: whether the completion is harmful, or whether it refuses
    (WildGuard and Qwen3Guard say so)."""
    guideline: str = ""
    """ShieldGemma's: the rule that the completion is held against; empty takes the one of its
    table."""


@dataclass(frozen=True, kw_only=True)
class ScorerConfig:
    """One scorer: a judge by a rubric, a guard model, a jury of others, or experts."""

    name: str
    kind: Literal["judge", "guard", "jury", "experts"]
    endpoint: EndpointConfig | None = None
    """Of judge and guard: the server to ask; either this or `local`."""
    local: LocalModelConfig | None = None
    """Of judge and guard: the model to load here; either this or `endpoint`."""
    repetitions: int = 2
    """Times that a completion is asked about again whose reply cannot be read; then it is
    unscored."""
    replies: str = ""
    """Folder of the replies, one file a scorer; a stage names its own."""
    rubric: RubricConfig = field(default_factory=RubricConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    members: list[ScorerConfig] = field(default_factory=list)
    """Of a jury."""
    combine: Literal["median", "majority"] = "median"
    """Of a jury: the median of the members' values (of an even number the mean of the middle
    two), or the level that more than half of those who gave a value agree on."""
    quorum: int = 2
    """Of a jury: the members that must have given a value."""
    labels: list[str] = field(default_factory=list)
    """Of experts: files that `primum review-import` has written."""

    def __post_init__(self) -> None:
        faults = _kind_faults(self)
        if not _NAME.fullmatch(self.name):
            faults.append(f"name must be lower-case letters, digits and underscores, since it names a file and a column; got {self.name!r}")
        if self.repetitions < 0 or self.quorum < 1:
            faults.append(f"repetitions must be at least 0 and quorum at least 1, got {self.repetitions} and {self.quorum}")
        if faults:
            raise ValueError("\n".join(f"scorer {self.name}: {fault}" for fault in faults))


def _kind_faults(config: ScorerConfig) -> list[str]:
    if config.kind in ("judge", "guard"):
        faults = []
        if (config.endpoint is None) == (config.local is None):
            faults.append(f"a {config.kind} asks either an endpoint or a local model; set one of the two")
        if config.kind == "guard" and not config.guard.family:
            faults.append("guard.family is empty; name the family of guard models that it belongs to")
        return faults
    if config.kind == "experts":
        return [] if config.labels else ["labels names no file; `primum review-import` writes them"]
    names = [member.name for member in config.members]
    faults = [f"two members are called {name}; a jury counts each once" for name in sorted({n for n in names if names.count(n) > 1})]
    if len(names) < max(2, config.quorum):
        faults.append(f"a jury has two members or more and as many as its quorum of {config.quorum}, got {len(names)}")
    return faults
