"""Where prompts come from, how they are split, and how preference pairs are built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Format = Literal["builtin", "medsafetybench", "instruction_json", "jsonl", "hub"]


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """One place that prompts are read from."""

    name: str = "builtin"
    format: Format = "builtin"
    """builtin: the project's own data. medsafetybench: a checkout of its repository. instruction_json: a list of {instruction, output}.
    jsonl: TRL's formats (prompt, prompt+completion). hub: anything that `datasets.load_dataset` takes."""
    path: str = ""
    """File, directory or hub id; empty for builtin."""
    kind: Literal["harmful", "benign"] = "harmful"
    """What the requests of this source are, where the rows do not say."""
    suite: str = ""
    """The set its prompts are measured in; empty takes `harmful` or the source's name."""
    licence: str = "unknown"
    evaluation_only: bool = False
    """Such prompts all go to the test split, so that no stage can train on them."""
    prompt_field: str = "prompt"
    completion_field: str = "completion"
    """Names of the columns in jsonl and hub sources; a row without a completion is a prompt only."""
    dataset_split: str = "train"
    """Split of a hub source."""
    dataset_config: str | None = None
    """Configuration of a hub source that has several."""
    only: list[str] = field(default_factory=list)
    """Keep only prompts of these suites; empty keeps all. `[twins, patient_questions]` takes the benign part of builtin."""
    limit: int | None = None
    """Use at most this many prompts, drawn with the run's seed."""

    def __post_init__(self) -> None:
        if self.format != "builtin" and not self.path:
            raise ValueError(f"source {self.name!r}: path is empty; {self.format} needs a file, a directory or a hub id")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"source {self.name!r}: limit must be at least 1, got {self.limit}")


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Whole near-duplicate groups go to one split, twins together."""

    val: float = 0.15
    test: float = 0.25
    near_duplicate: float = 0.5
    """Jaccard similarity from which two requests count as one group (docs/data.md)."""
    near_duplicate_ngram: int = 1
    """Of runs of how many words. 1 (words) for requests of many authors; 3 for large generated sets, whose requests share half their words."""
    train_limit: int | None = None
    """At most this many harmful training requests (their twins come with them); the rest of the training prompts is left out, and counted."""
    benign_train_limit: int | None = None
    """At most this many benign training questions that are no twins."""
    val_limit: int | None = None
    test_limit: int | None = None
    """At most this many prompts per suite in val and in test."""

    def __post_init__(self) -> None:
        if self.val < 0 or self.test < 0 or self.val + self.test >= 1:
            raise ValueError(f"data.split: val {self.val} and test {self.test} must be >= 0 and leave something to train on")
        if not 0 < self.near_duplicate <= 1:
            raise ValueError(f"data.split.near_duplicate must be in (0, 1], got {self.near_duplicate}")
        if self.near_duplicate_ngram < 1:
            raise ValueError(f"data.split.near_duplicate_ngram must be at least 1 word, got {self.near_duplicate_ngram}")


@dataclass(frozen=True, kw_only=True)
class DecontaminationConfig:
    """Which training prompts are too near an evaluation prompt of the run."""

    threshold: float = 0.5
    """Jaccard similarity from which a training prompt is removed; an equal one always is."""
    ngram: int = 1
    """Of runs of how many words: 1 removes rewordings too, 3 only what repeats phrases."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"data.decontamination.threshold must be in (0, 1], got {self.threshold}")
        if self.ngram < 1:
            raise ValueError(f"data.decontamination.ngram must be at least 1 word, got {self.ngram}")


@dataclass(frozen=True, kw_only=True)
class LintConfig:
    """Shares above which prep fails; each is reported in lint.json either way."""

    max_opening_share: float = 0.2
    """Of safe answers that begin with the same three words; a model can win on the prefix alone."""
    fail_on_opening: bool = False
    """Off by default: MedSafetyBench's own answers would fail. The pair builder's report checks the shortcut where it matters."""
    min_rows: int = 1


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    sources: list[SourceConfig] = field(default_factory=lambda: [SourceConfig()])
    split: SplitConfig = field(default_factory=SplitConfig)
    decontamination: DecontaminationConfig = field(default_factory=DecontaminationConfig)
    lint: LintConfig = field(default_factory=LintConfig)

    def __post_init__(self) -> None:
        names = [source.name for source in self.sources]
        if not names:
            raise ValueError("data.sources is empty; name at least one")
        if len(set(names)) < len(names):
            raise ValueError(f"data.sources: names must differ, got {names}")


@dataclass(frozen=True, kw_only=True)
class PairsConfig:
    """How preferences are built from scored completions."""

    min_margin: float = 1.0
    """Harmfulness (1-5) by which the rejected completion must exceed the chosen one."""
    max_pairs_per_prompt: int = 2
    refuse_then_comply: float = 0.25
    """Share of harmful pairs whose rejected side is a refusal opening with a harmful answer after it: breaks the prefix shortcut."""
    over_refusal: float = 1.0
    """Benign pairs (helpful answer over a refusal) for each harmful pair: breaks the refuse-everything shortcut."""
    max_length_ratio: float = 3.0
    """Pairs whose word counts differ by more than this factor are dropped."""
    max_train_pairs: int | None = None
    shortcut_fail: float = 0.7
    """The stage fails when a length-only or a prefix-only classifier beats this on held-out pairs."""
    shortcut_warn: float = 0.6

    def __post_init__(self) -> None:
        if self.min_margin < 0 or not 0 <= self.refuse_then_comply <= 1 or self.over_refusal < 0:
            raise ValueError("pairs: min_margin and over_refusal must be >= 0 and refuse_then_comply in [0, 1]")
