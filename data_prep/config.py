"""Where prompts come from, how they are split, and how preference pairs are built."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from data_prep.cards.publication import PublicationConfig as PublicationConfig
from data_prep.lint.faults import FAULT_KINDS
from data_prep.source_kind import UNKNOWN_LICENCE, Terms
from data_prep.source_registry import SOURCES, source_kind
from data_prep.terms import known_terms
from records.licences import licence_fault, same_licence
from records.setting_ranges import MANY, Ranged, limits, one_of, ranged


@dataclass(frozen=True, kw_only=True)
class SourceConfig(Ranged):
    """One place that prompts are read from."""

    name: str = "builtin"
    format: str = one_of("builtin", SOURCES)
    """What reads the rows. A public set as it comes has a format of its name, and the project's own
    data have builtin and builtin_evaluation; instruction_json, jsonl and hub read any data
    (docs/data.md)."""
    path: str = ""
    """File, directory or hub id; empty where the rows come with the package, as for builtin."""
    kind: Literal["harmful", "benign"] = "harmful"
    """What the requests of this source are, where neither the rows nor the format say."""
    suite: str = ""
    """The set its prompts are measured in; empty takes `harmful` or the source's name."""
    licence: str = UNKNOWN_LICENCE
    """Of a generic source, where its rows do not say; the other formats know theirs. A name, such
    as CC-BY-4.0 (SPDX)."""
    labelled_by: str = ""
    """Who decided what in your own data is harmful, by whose principles (country), who wrote it,
    and at what cost to them; printed in the data card, which says otherwise that it was not
    stated."""
    evaluation_only: bool | None = None
    """True sends every row to the test split, so that no stage can train on it; null does so where
    the set's own terms demand it."""
    prompt_field: str = "prompt"
    completion_field: str = "completion"
    """Names of the columns in jsonl and hub sources; a row without a completion is a prompt
    only."""
    ignore: list[str] = field(default_factory=list)
    """Columns of jsonl, hub and instruction_json rows to pass over, though Primum knows what they
    mean."""
    dataset_split: str = "train"
    """Split of a hub source."""
    dataset_config: str | None = None
    """Configuration of a hub source that has several."""
    only: list[str] = field(default_factory=list)
    """Keep only prompts of these suites; empty keeps all. `[twins, patient_questions]` takes the
    benign part of builtin."""
    limit: int | None = ranged(None, at_least=1, at_most=MANY)
    """Use at most this many prompts, drawn with the run's seed."""
    weight: float | None = ranged(None, at_least=0, at_most=1_000_000)
    """Of its training prompts beside those of other sources that have a weight: 3 and 1 make three
    to one, by leaving rows out and repeating none. 0 leaves all of its training prompts out; null
    gives all, whatever the others do."""

    def __post_init__(self) -> None:
        super().__post_init__()
        # A missing path is told when the config is read; the reading of a source may come hours
        # later.
        wanted = source_kind(self.format).path
        if wanted and not self.path:
            raise ValueError(f"source {self.name!r}: path is empty; {self.format} needs {wanted}")
        if self.path and not wanted:
            raise ValueError(
                f"source {self.name!r}: path is {self.path!r}, and format {self.format} reads no "
                "file: its rows come with Primum; set format to what reads yours, as jsonl does, "
                "or leave path out"
            )
        wrong = licence_fault(self.licence)
        # The broken name comes first: whether it fits the known terms cannot be said of it.
        faults = [wrong] if wrong else self._broken_terms()
        if faults:
            raise ValueError("; ".join(f"source {self.name!r}: {fault}" for fault in faults))

    @property
    def terms(self) -> Terms:
        """The set's own terms where they are known, otherwise what the config says."""
        known = known_terms(self.format, self.path) or Terms(licence=UNKNOWN_LICENCE)
        # A file under a user's own name has no known terms; then only the user can know the
        # licence.
        return known if known.licence != UNKNOWN_LICENCE else replace(known, licence=self.licence)

    @property
    def is_for_evaluation(self) -> bool:
        """Whether nobody may train on its rows."""
        # Either one is enough: a config may close a set, and cannot open one that its terms close.
        return bool(self.evaluation_only) or self.terms.use == "evaluation"

    @property
    def is_generic(self) -> bool:
        """Whether any data may come in its format, so that the config states what they are."""
        return source_kind(self.format).known is None

    @property
    def is_downloaded(self) -> bool:
        """Whether its path is an id on the hub, and nothing on this machine."""
        return source_kind(self.format).is_downloaded and not Path(self.path).exists()

    def _broken_terms(self) -> list[str]:
        known = known_terms(self.format, self.path)
        if known is None:
            return []
        named = known.title or self.format
        reader = (
            f"; format: {known.reader} reads it as its authors publish it" if known.reader else ""
        )
        faults = []
        if (
            # An unstated licence contradicts nothing; only two statements can.
            self.licence != UNKNOWN_LICENCE
            and known.licence != UNKNOWN_LICENCE
            and not same_licence(self.licence, known.licence)
        ):
            faults.append(
                f"licence is {self.licence!r}, but {named} stands under {known.licence}; leave "
                "licence out"
            )
        # Guessed by name alone: the user may hold other data under it, hence the way out in the
        # message.
        if known.use == "evaluation" and self.is_generic and not self.evaluation_only:
            faults.append(
                f"{self.path!r} is {named} by its name, which is for evaluation only; set "
                "evaluation_only: true, or rename the file or folder if it holds something "
                f"else{reader}"
            )
        elif known.use == "evaluation" and self.evaluation_only is False:
            faults.append(
                f"evaluation_only is false, but nobody may train on {named}; leave evaluation_only "
                "out, or take another source"
            )
        elif known.use == "parts" and self.evaluation_only is False:
            faults.append(
                f"evaluation_only is false, but a part of {named} is for evaluation only; leave "
                "evaluation_only out: that part goes to test, and the rest may be trained on"
            )
        return faults


@dataclass(frozen=True, kw_only=True)
class SplitConfig(Ranged):
    """Whole near-duplicate groups go to one split, twins together."""

    seed: int | None = ranged(None, at_least=0, at_most=2**31 - 1)
    """The seed that deals out the splits, and counts for greedy sampling; null for the run's. Runs
    of several seeds share it, so that they are measured on the same prompts and differ in training
    alone (`primum run CONFIG --seeds 3`)."""
    val: float = ranged(0.15, at_least=0, below=1)
    test: float = ranged(0.25, at_least=0, below=1)
    near_duplicate: float = ranged(0.5, above=0, at_most=1)
    """Jaccard similarity from which two requests count as one group (docs/data.md)."""
    near_duplicate_ngram: int = ranged(1, at_least=1, at_most=100)
    """Of runs of how many words. 1 (words) for requests of many authors; 3 for large generated
    sets, whose requests share half their words."""
    train_limit: int | None = ranged(None, at_least=0, at_most=MANY)
    """At most this many harmful training requests (their twins come with them); the rest of the
    training prompts is left out, and counted."""
    benign_train_limit: int | None = ranged(None, at_least=0, at_most=MANY)
    """At most this many benign training questions that are no twins."""
    val_limit: int | None = ranged(None, at_least=0, at_most=MANY)
    test_limit: int | None = ranged(None, at_least=0, at_most=MANY)
    """At most this many prompts per suite in val and in test."""
    val_of: dict[str, float] = field(
        metadata=limits(at_least=0, below=1), default_factory=dict[str, float]
    )
    """By name of a source for evaluation only, the share of its prompts, suite by suite, on which
    epochs and multipliers are chosen (val) instead of being measured on (test). A published figure
    of such a set is then one of the rest of it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        # Each share alone may be up to 1; only together they leave nothing to train on.
        if self.val + self.test >= 1:
            raise ValueError(
                f"data.split: got val {self.val} and test {self.test}, wanted shares that leave "
                "something to train on; lower one"
            )


@dataclass(frozen=True, kw_only=True)
class DecontaminationConfig(Ranged):
    """Which training prompts are too near an evaluation prompt of the run."""

    threshold: float = ranged(0.5, above=0, at_most=1)
    """Jaccard similarity from which a training prompt is removed; an equal one always is."""
    ngram: int = ranged(1, at_least=1, at_most=100)
    """Of runs of how many words: 1 removes rewordings too, 3 only what repeats phrases."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig(Ranged):
    """Near-duplicates that share few words, sought beside those by words: in splits, beside
    evaluation rows and in decontamination.
    """

    model: str = ""
    """A sentence-embedding model trained for mean pooling, a local directory or a hub id; empty
    compares by words only."""
    revision: str | None = None
    """Hub revision; pin it for anything that you will publish."""
    threshold: float = ranged(0.9, above=0, at_most=1)
    """Cosine from which two requests count as near. Models differ: look at what
    decontamination.json lists before you lower it."""
    batch_size: int = ranged(64, at_least=1, at_most=65536)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.revision and not self.model:
            raise ValueError(
                f"data.embedding.revision is {self.revision!r} but data.embedding.model is empty; "
                "name the model"
            )

    @property
    def name(self) -> str:
        """For files that are passed on: a hub id as it is, of a local directory its last part."""
        return Path(self.model).name if self.model.startswith((".", "/", "~")) else self.model


@dataclass(frozen=True, kw_only=True)
class LintConfig(Ranged):
    """What lint.json reports, and what fails the stage (docs/lint.md has the kinds)."""

    fail_above: dict[str, float] = field(
        metadata=limits(at_least=0, at_most=100),
        default_factory=lambda: {
            "no_refusal": 0.5,
            "special_token": 0.5,
            "chat_template": 0.5,
            "roles": 0.05,
            "identical_pair": 0.5,
            "contradictory_pair": 0.5,
        },
    )
    """By kind of fault, the share of what was looked at (for length_bias the size of the effect)
    above which prep or pairs fails. A kind that is not named is only reported. The defaults stop
    data that is not what its config says."""
    max_opening_share: float = ranged(0.2, at_least=0, at_most=1)
    """Of safe completions that begin with the same three words before it is reported; a model can
    win on the prefix alone. MedSafetyBench's own completions are far above, so only the pair
    builder's report decides, unless fail_above names opening_share."""
    max_length_bias: float = ranged(0.5, at_least=0, at_most=100)
    """Standardised mean difference of word counts, chosen - rejected, before it is reported; 0.5 is
    what statisticians call medium."""
    personal_data: bool = False
    """Look for e-mail addresses, phone and card numbers and the like. Off: it needs the extra
    `pii`, and takes a millisecond a row."""
    min_rows: int = ranged(1, at_least=0, at_most=MANY)

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = []
        for kind in self.fail_above:
            if kind not in FAULT_KINDS:
                unknown.append(kind)
        if unknown:
            # The nearest name of the first one: a list of twenty names hides a single typing error.
            near = difflib.get_close_matches(unknown[0], FAULT_KINDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"kinds are {', '.join(FAULT_KINDS)}"
            raise ValueError(
                f"data.lint.fail_above: no kind of fault is called {', '.join(unknown)}; {hint}"
            )


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    sources: list[SourceConfig] = field(default_factory=lambda: [SourceConfig()])
    split: SplitConfig = field(default_factory=SplitConfig)
    decontamination: DecontaminationConfig = field(default_factory=DecontaminationConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    lint: LintConfig = field(default_factory=LintConfig)
    publication: PublicationConfig = field(default_factory=PublicationConfig)

    def __post_init__(self) -> None:
        names = [source.name for source in self.sources]
        if not names:
            raise ValueError("data.sources is empty; name at least one")
        # Reports, limits and restrictions name sources; two of one name could not be told apart.
        if len(set(names)) < len(names):
            raise ValueError(f"data.sources: names must differ, got {names}")
        held = {source.name for source in self.sources if source.is_for_evaluation}
        wrong = sorted(set(self.split.val_of) - held)
        if wrong:
            raise ValueError(
                f"data.split.val_of: got {wrong}, wanted names of sources for evaluation only, "
                f"which are {sorted(held)}; data.split.val deals the rows of the others"
            )
