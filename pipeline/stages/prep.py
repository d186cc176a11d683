"""prep: sources to prompts and demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.resources import files as _package
from pathlib import Path
from typing import Any

from data_prep.config import DataConfig
from data_prep.lint.report import fault_line
from data_prep.lint.rows import Renders
from data_prep.near_duplicates.embeddings import Embed, Vectors
from data_prep.prepare import prepare
from data_prep.splits.split_files import read_splits
from data_prep.wording import request_text
from eval.config import GateConfig, SuiteConfig
from eval.gate import too_few_prompts
from eval.suite_scorers import suite_facts
from eval.suites.definition import TABLE
from eval.suites.loading import held_out_suites, own_suites
from eval.suites.registry import definition
from models.config import ModelConfig
from pipeline.run.config import RunConfig, embedding_model, splits_seed
from pipeline.run.declared import Part, StageSettings, beside
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.views import HasTemplate
from records.errors import RecordError, unreadable
from records.licences import sentences
from records.rows import Prompt
from records.run_files import DATA_CARD, DEMONSTRATIONS, PROMPTS
from records.stage_folder import sha256_file, sha256_json
from reward.refusal.rule import refusal
from train.config import TrainerConfig

MANY = 20
"""Training rows of a suite from which some should have been dealt to validation."""


@dataclass(frozen=True, kw_only=True)
class Suites(Part):
    """The texts of the user's own suites are what training rows are kept apart from."""

    suites: list[SuiteConfig]
    prompts_per_suite: int | None = beside()
    """Only said where it is too few."""


@dataclass(frozen=True, kw_only=True)
class Template(Part):
    """The tokenizer's files count themselves."""

    base: ModelConfig = beside(but=("chat_template", "template_date"))


@dataclass(frozen=True, kw_only=True)
class GateLimits(Part):
    """By which it says what will be too few."""

    gate: GateConfig = beside()


@dataclass(frozen=True, kw_only=True)
class Settings(StageSettings):
    data: DataConfig
    eval: Suites
    model: Template
    release: GateLimits
    trainer: TrainerConfig = beside()


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Read all sources and split them."""
    suites, absent = own_suites(config.eval)
    for suite in absent:
        place.say(str(suite))
    texts = {name: [request_text(p.prompt) for p in prompts] for name, prompts in suites.items()}
    # The splits' own seed: runs of several seeds share them.
    data, seed = config.data, splits_seed(config)
    summary = prepare(
        data,
        place.path,
        seed=seed,
        evaluation_texts=texts,
        refuses=refusal,
        embed=embedding(config, place),
        renders=rendering(config),
    )
    for line in describe(summary, validates=config.data.split.val > 0) + describe_reading(summary):
        place.say(line)
    prompts = read_splits(place.path, PROMPTS.name, Prompt, ("test",))
    # By the same rule as eval, so that what is told here is what will be measured.
    held_out = held_out_suites(prompts, "test", config.eval.prompts_per_suite)
    facts = suite_facts(config.eval.suites, suites)
    gated = {}
    for name, rows in suites.items():
        # A suite that the gate does not look at need not be large enough for it.
        if name not in facts or facts[name].gate:
            gated[name] = rows
    for line in too_few_prompts({**held_out, **gated}, config.release.gate):
        place.say(line)
    return summary


def rendering(config: HasTemplate) -> Renders:
    """Asks the chat template of the run's model why it does not hold a row."""
    from models.loading.load import load_tokenizer
    from models.loading.template_faults import row_fault

    return partial(row_fault, load_tokenizer(config.model.base))


def embedding(config: Settings, place: Place) -> Embed | None:
    """data.embedding.model as a function, loaded when it is called."""
    model = embedding_model(config)
    if model is None:
        return None

    def embedded(texts: Sequence[str]) -> Vectors:
        import torch

        from models.embed import embed
        from pipeline.policies import device

        # Data are often prepared on a node without the run's GPUs.
        where = device(config.trainer) if torch.cuda.is_available() else torch.device("cpu")
        place.say(f"{len(texts)} texts are embedded by {model.path} on {where.type}")
        return embed(texts, model, batch_size=config.data.embedding.batch_size, device=where)

    return embedded


def describe(summary: dict[str, Any], *, validates: bool) -> list[str]:
    """The summary as the user reads it."""
    lines = [
        f"{summary['rows_read']} rows in, {summary['rows_kept']} kept, {summary['rows_dropped']} "
        "left out"
    ]
    for reason, count in sorted(summary["dropped"].items()):
        if count:
            lines.append(f"  left out: {count:>5}  {reason}")
    for name, count in summary["sources"].items():
        lines.append(
            f"  {name}: {count['rows']} rows, {count['answered']} with a completion, "
            f"{count['preferences']} with a worse one too"
        )
    for split, suites in summary["splits"].items():
        lines.append(
            f"  {split:<5} "
            + ", ".join(f"{count} {suite}" for suite, count in sorted(suites.items()))
        )
    for name, share in summary["mixture"].items():
        if share["weight"] is not None:
            lines.append(
                f"  {name}: weight {share['weight']:g}, {share['kept']} of its "
                f"{share['available']} training prompts kept"
            )
    if summary["lint"]:
        lines.append(f"  {fault_line(summary['lint'])}")
    unseen = []
    for suite, count in summary["splits"]["train"].items():
        # A large group of near-duplicates goes to one split whole, which nothing else would tell.
        if validates and count >= MANY and suite not in summary["splits"]["val"]:
            unseen.append(suite)
    for suite in unseen:
        lines.append(
            f"  no validation rows of {suite}: they hang together in one group of near-duplicates; "
            "see data.split.near_duplicate_ngram"
        )
    return lines + sentences(summary["restrictions"])


def describe_reading(summary: dict[str, Any]) -> list[str]:
    """What was made of rows that are not plainly one prompt and its completion, and what was not
    read.
    """
    further = summary["rows_kept"] - summary["prompts"]
    lines = (
        [f"  {summary['prompts']} prompts, and {further} further preferences of the same prompts"]
        if further
        else []
    )
    for name, count in summary["rejected_alone"].items():
        lines.append(
            f"  {name}: {count} rows with a completion that must not be imitated and no better "
            "one; they are prompts only"
        )
    for name, columns in summary["unread_columns"].items():
        named = ", ".join(f"{column} ({count} rows)" for column, count in columns.items())
        lines.append(
            f"  {name}: columns that nothing reads: {named}; see docs/data.md, Rows that are "
            "understood"
        )
    return lines


def files(config: RunConfig) -> dict[str, str]:
    """Hashes of local sources and suites; a hub id is named, not hashed."""
    found: dict[str, str] = {}
    faults: list[str] = []
    for source in config.data.sources:
        if source.path:
            path = Path(source.path)
            # A path that exists wins: a hub id and a relative path can look the same.
            if path.exists():
                faults += _hashed(f"data.sources {source.name!r}", source.path, found)
            elif source.is_downloaded:
                # Its revision is not known offline; the name is what can change here.
                found[source.path] = f"hub:{source.path}"
            else:
                faults.append(f"data.sources {source.name!r}: {path}: no such file or directory")
        else:
            # An update of Primum may bring other rows under the same names.
            found[f"rows of {source.format}"] = _packaged("data_prep")
    for suite in config.eval.suites:
        if suite.suite:
            faults += _described(suite, found)
        # An optional suite that has come since changes the training rows, so it counts.
        if suite.path and Path(suite.path).exists():
            faults += _hashed(f"eval.suites {suite.called!r}", suite.path, found)
        elif suite.path and not suite.optional:
            faults.append(f"eval.suites {suite.called!r}: {suite.path}: no such file")
    if faults:
        raise RecordError(faults)
    return found


def _described(suite: SuiteConfig, found: dict[str, str]) -> list[str]:
    """What is wrong with the description of a suite; what it says goes to `found`, as prompts
    depend on it.
    """
    try:
        described = definition(suite.suite)
        found[f"suite {suite.suite}"] = sha256_json(asdict(described))
        if not suite.path:
            package = "eval" if described.format == TABLE else "data_prep"
            found[f"prompts of {suite.suite}"] = _packaged(package)
    except RecordError as error:
        return [f"eval.suites {suite.called!r}: {fault}" for fault in error.faults]
    return []


def _packaged(package: str) -> str:
    """One hash of all rows that ship with it."""
    return sha256_path(Path(str(_package(package).joinpath("package_data"))))


def _hashed(setting: str, path: str, found: dict[str, str]) -> list[str]:
    """What is wrong with a file or folder that a setting names; its hash goes to `found` where
    nothing is.
    """
    try:
        found[path] = sha256_path(Path(path))
    except OSError as error:
        return [unreadable(setting, Path(path), error)]
    return []


def model_and_files(config: RunConfig) -> dict[str, str]:
    """The above, the tokenizer whose template rows are rendered with, and what the embedding model
    is; eval depends on the first alone.
    """
    from pipeline.model_identity import model_identity, tokenizer_identity

    model = embedding_model(config)
    return {
        **files(config),
        **tokenizer_identity(config.model.base),
        **(model_identity(model, "data.embedding.model") if model else {}),
    }


def sha256_path(path: Path) -> str:
    """Of a file, or of all files below a folder. Raises OSError where one cannot be read."""
    if not path.is_dir():
        return sha256_file(path)
    return sha256_json(
        # By relative path, so that a moved folder is the same and a renamed file is not.
        {str(p.relative_to(path)): sha256_file(p) for p in sorted(path.rglob("*")) if p.is_file()}
    )


STAGE = Stage(
    name="prep",
    reads=(),
    writes=(PROMPTS, DEMONSTRATIONS, DATA_CARD),
    work=work,
    settings=Settings,
    files=model_and_files,
    seed=splits_seed,
)
