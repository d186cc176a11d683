"""How a scorer that asks a model or people is set up; docs/judges.md goes through it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from models.config import EngineName, GenerationConfig, ModelConfig, VllmConfig
from records.setting_ranges import MANY, Ranged, ranged

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
DAY = 86_400
MOST_TOKENS = 10**15
RESERVED = frozenset({
    "model", "messages", "prompt", "stream", "n", "max_tokens", "max_completion_tokens",
    "temperature", "seed", "logprobs",
    "top_logprobs",
})  # fmt: skip
"""What a body may not be given twice, or would make the reply something that is not read."""


@dataclass(frozen=True, kw_only=True)
class BudgetConfig(Ranged):
    """Where a judge stops asking. What is left then is unscored, with that reason. Limits hold
    over resumed runs together."""

    requests: int | None = ranged(None, at_least=0, at_most=MANY)
    tokens: int | None = ranged(None, at_least=0, at_most=MOST_TOKENS)
    """Read and written ones together."""
    cost: float | None = ranged(None, at_least=0, at_most=MANY)
    """In the currency of the prices."""
    input_price: float | None = ranged(None, at_least=0, at_most=MANY)
    """Of a million tokens that the model reads."""
    output_price: float | None = ranged(None, at_least=0, at_most=MANY)
    """Of a million tokens that it writes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        # A cap in money would never be reached without them.
        if self.cost is not None and (self.input_price is None or self.output_price is None):
            raise ValueError(
                f"budget.cost is {self.cost:g}, but nothing says what a token costs; "
                "set budget.input_price and budget.output_price, each for a million tokens"
            )


@dataclass(frozen=True, kw_only=True)
class EndpointConfig(Ranged):
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
    concurrency: int = ranged(8, at_least=1, at_most=1024)
    """Requests under way at once."""
    timeout: float = ranged(120.0, above=0, at_most=DAY)
    """Seconds until a request is given up and sent again: for the connection, for the first byte of
    the reply, and for the whole of it."""
    retries: int = ranged(6, at_least=0, at_most=1000)
    """Times that a request is sent again after 429, 5xx, a time-out, a cut connection or a reply
    that is none."""
    first_wait: float = ranged(1.0, at_least=0, at_most=DAY)
    """Seconds before the first repetition, doubled each time, a random part of it taken off.
    Retry-After counts where it is longer."""
    longest_wait: float = ranged(120.0, at_least=0, at_most=DAY)
    """Seconds; also the most that a Retry-After is waited for."""
    max_tokens: int = ranged(512, at_least=1, at_most=1_048_576)
    token_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the limit; OpenAI's reasoning models want max_completion_tokens."""
    temperature: float | None = ranged(0.0, at_least=0, at_most=100)
    """null leaves it to the server, which some models insist on."""
    seed: int | None = ranged(None, at_least=0, at_most=2**31)
    extra: dict[str, Any] = field(default_factory=dict)
    """Further fields of the request's body, as the server names them."""
    budget: BudgetConfig = field(default_factory=BudgetConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        faults = _address_faults(self.base_url)
        if self.longest_wait < self.first_wait:
            faults.append(
                f"endpoint.longest_wait is {self.longest_wait:g}, wanted at least first_wait, "
                f"{self.first_wait:g}"
            )
        taken = sorted(RESERVED & {str(name) for name in self.extra})
        if taken:
            faults.append(
                f"endpoint.extra sets {', '.join(taken)}, which a judge sets itself; use the "
                "setting of that name, or remove it"
            )
        if not self.model.strip():
            faults.append(
                "endpoint.model is empty; name the model as the server does (GET base_url/models "
                "lists them)"
            )
        if self.api_key_env and not _VARIABLE.fullmatch(self.api_key_env):
            # What stands there may be the key itself, so it is not repeated.
            faults.append(
                "endpoint.api_key_env must be the name of an environment variable, such as "
                "OPENAI_API_KEY, and never the key; what it holds now is no such name: if it is a "
                "key, take it out of the file and change the key"
            )
        if faults:
            raise ValueError("\n".join(faults))


def _address_faults(address: str) -> list[str]:
    wanted = "wanted http(s)://HOST[:PORT]/PATH, such as http://localhost:8000/v1"
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  reading it is the check
    except ValueError:
        return [f"endpoint.base_url cannot be read as an address; {wanted}"]
    # The address stands in messages, which must hold no secret.
    if parts.username or parts.password:
        return [
            f"endpoint.base_url holds a name or password; {wanted}, and the key in the variable of "
            "endpoint.api_key_env"
        ]
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return [f"endpoint.base_url is {address!r}; {wanted}"]
    if parts.query or parts.fragment:
        return [f"endpoint.base_url has a query or a fragment; {wanted}"]
    return []


@dataclass(frozen=True, kw_only=True)
class LocalModelConfig:
    """A judge on this machine."""

    model: ModelConfig = field(default_factory=ModelConfig)
    generation: GenerationConfig = field(
        default_factory=lambda: GenerationConfig(max_new_tokens=512, batch_size=8)
    )
    engine: EngineName = "transformers"
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
    probability: bool = True
    """Weigh the meaning of its words by their probabilities, so that values are more than 1 and 5
    and the uncertainty is known. It takes log-probabilities: transformers or an endpoint."""
    guideline: str = ""
    """ShieldGemma's: the rule that the completion is held against; empty takes the one of its
    table."""


@dataclass(frozen=True, kw_only=True)
class ScorerConfig(Ranged):
    """One scorer that asks: a judge by a rubric, a guard model, or experts."""

    name: str
    kind: Literal["judge", "guard", "experts"]
    endpoint: EndpointConfig | None = None
    """Of judge and guard: the server to ask; either this or `local`."""
    local: LocalModelConfig | None = None
    """Of judge and guard: the model to load here; either this or `endpoint`."""
    repetitions: int = ranged(2, at_least=0, at_most=100)
    """Times that a completion is asked about again whose reply cannot be read; then it is
    unscored."""
    replies: str = ""
    """Folder of the replies, one file a scorer; a stage names its own."""
    rubric: RubricConfig = field(default_factory=RubricConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    labels: list[str] = field(default_factory=list)
    """Of experts: files that `primum review-import` has written."""

    def __post_init__(self) -> None:
        super().__post_init__()
        faults = [
            *name_faults(self.name),
            *(_expert_faults(self) if self.kind == "experts" else _model_faults(self)),
        ]
        if faults:
            raise ValueError("\n".join(f"scorer {self.name}: {fault}" for fault in faults))


@dataclass(frozen=True, kw_only=True)
class JuryConfig(Ranged):
    """Several scorers as one."""

    name: str
    kind: Literal["jury"] = "jury"
    members: list[ScorerConfig] = field(default_factory=list)
    combine: Literal["median", "majority"] = "median"
    """The median of the members' values (of an even number the mean of the middle two), or the
    level that more than half of those who gave a value agree on."""
    quorum: int = ranged(2, at_least=1, at_most=1000)
    """The members that must have given a value."""
    replies: str = ""
    """Folder of the members' replies, one file each; a stage names its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        faults = name_faults(self.name)
        names = [member.name for member in self.members]
        twice = sorted({name for name in names if names.count(name) > 1})
        for name in twice:
            faults.append(f"two members are called {name}; a jury counts each once")
        if len(names) < max(2, self.quorum):
            faults.append(
                f"a jury has two members or more and as many as its quorum of {self.quorum}, got "
                f"{len(names)}"
            )
        if faults:
            raise ValueError("\n".join(f"jury {self.name}: {fault}" for fault in faults))


def name_faults(name: str) -> list[str]:
    """What is wrong with a scorer's name."""
    if _NAME.fullmatch(name):
        return []
    return [
        "name must be lower-case letters, digits and underscores, since it names a file and a "
        f"column; got {name!r}"
    ]


def _expert_faults(config: ScorerConfig) -> list[str]:
    return [] if config.labels else ["labels names no file; `primum review-import` writes them"]


def _model_faults(config: ScorerConfig) -> list[str]:
    faults = []
    # Both and neither are one fault.
    if (config.endpoint is None) == (config.local is None):
        faults.append(
            f"a {config.kind} asks either an endpoint or a local model; set one of the two"
        )
    if config.kind == "guard" and not config.guard.family:
        faults.append("guard.family is empty; name the family of guard models that it belongs to")
    if (
        config.local
        and config.local.engine == "vllm"
        and config.kind == "guard"
        and config.guard.probability
    ):
        faults.append(
            "guard.probability needs log-probabilities, which the engine vllm is not asked for; "
            "set guard.probability to false, or take the engine transformers, or serve the model "
            "and set an endpoint"
        )
    return faults
