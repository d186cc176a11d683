"""`primum push RUN REPO`: a released model, or the run's data, to a repository of a hub.

Only when asked.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.run.console import say
from pipeline.shared_data import DataCard, write_shared
from records.errors import (
    ArtifactError,
    ConfigError,
    GateError,
    PrimumError,
    RecordError,
    ResourceError,
    first_line,
)
from records.licences import SENTENCES, UNKNOWN
from records.rows import Completion, read_records, text_of
from records.run_files import MEASURED_COMPLETIONS, MEASURED_PROMPTS
from records.stage_folder import StageDirectory

What = Literal["model", "prep", "pairs"]
LEAST = 40
"""Characters of a completion from which its occurrence in a file is no accident."""
READ_AS_TEXT = (".md", ".json", ".jsonl", ".html", ".txt", ".yaml", ".jinja", ".csv")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for."""

    run_dir: Path
    repo: str
    what: What = "model"
    public: bool = False
    endpoint: str | None = None
    message: str = "Released by Primum"


def push(request: Request) -> str:
    """The address of what was uploaded.

    Raises GateError where the release gate is not met, ArtifactError where a file holds what nobody
    may have, RecordError where a licence forbids it, ResourceError where the hub refuses.
    """
    _require_name(request.repo)
    with tempfile.TemporaryDirectory() as scratch:
        folder = _released(request) if request.what == "model" else Path(scratch)
        if request.what != "model":
            _write_data(request, folder)
        # After everything was written: the guard reads what would really go out.
        _require_no_harmful_completion(request.run_dir, folder)
        return _upload(request, folder)


def _require_name(repo: str) -> None:
    """Before any file is read: the hub itself is asked last."""
    from huggingface_hub import utils  # noqa: PLC0415  most runs never need it
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    hub: Any = utils
    try:
        hub.validate_repo_id(repo)
    except HFValidationError as error:
        raise ConfigError(
            f"{repo}: no name of a repository ({first_line(error)}); wanted owner/name, as in "
            "clinic/safer-7b"
        ) from error


def _released(request: Request) -> Path:
    """The release of the run, whole, its gate met and its licences known."""
    stage = StageDirectory(request.run_dir / "release")
    if not stage.manifest_path.is_file():
        raise ArtifactError(
            f"{stage.path}: no finished release here, wanted what `primum release` writes where "
            "the gate is met; run it first"
        )
    stage.require()
    _require_known_licences(stage, "the model")
    folders = [path for path in sorted(stage.path.iterdir()) if (path / "config.json").is_file()]
    if len(folders) != 1:
        raise ArtifactError(
            f"{stage.path}: holds {len(folders)} models, wanted one; run `primum release` again"
        )
    gates = folders[0] / "evidence" / "gates.json"
    if not gates.is_file():
        raise ArtifactError(
            f"{gates}: no such file, wanted the gate's lines; run `primum release` again"
        )
    # The release refuses by itself; a folder may have been edited since.
    failed = [one for one in json.loads(gates.read_text(encoding="utf-8")) if not one["passed"]]
    if failed:
        lines = [f"gate not met: {one['name']}: {one['detail']}" for one in failed]
        raise GateError([*lines, f"{folders[0]} is not pushed; run `primum release` again"])
    return folders[0]


def _require_known_licences(stage: StageDirectory, what: str) -> None:
    unknown = stage.restrictions().get(UNKNOWN)
    if unknown:
        said = SENTENCES[UNKNOWN].format(names=", ".join(unknown))
        raise RecordError(
            f"{what} is {said}; wanted a licence that lets it be passed on: state it in "
            "data.sources.N.licence, or leave the source out, and run the stages again"
        )


def _write_data(request: Request, folder: Path) -> None:
    stage = StageDirectory(request.run_dir / request.what)
    if not stage.manifest_path.is_file():
        raise ArtifactError(f"{stage.path}: not finished; run `primum {request.what}` first")
    stage.require()
    _require_known_licences(stage, f"the data of {request.what}")
    card = DataCard(title=f"{request.repo.rsplit('/', 1)[-1]}: {request.what}", of=request.what)
    for line in write_shared(stage.path, folder, card):
        say("push", line)


def harmful_completions(run_dir: Path) -> Iterator[str]:
    """What any policy of the run wrote to harmful test prompts, long enough to be recognised."""
    folder = run_dir / MEASURED_PROMPTS.stage
    if not (folder / MEASURED_COMPLETIONS.name).is_file():
        return
    harmful = {row.id for row in MEASURED_PROMPTS.read(folder) if row.kind == "harmful"}
    for row in MEASURED_COMPLETIONS.read(folder):
        text = text_of(row.completion).strip()
        # Short refusals and fragments occur everywhere; only a longer text shows where it came
        # from.
        if row.prompt_id in harmful and len(text) >= LEAST:
            yield text
    sampled = run_dir / "sample"
    prompts = run_dir / "prep" / "prompts.train.jsonl"
    if prompts.is_file() and (sampled / "completions.train.jsonl").is_file():
        asked = (json.loads(line) for line in prompts.read_text(encoding="utf-8").splitlines())
        learned = {row["id"] for row in asked if row["kind"] == "harmful"}
        for row in read_records(sampled / "completions.train.jsonl", Completion):
            text = text_of(row.completion).strip()
            if row.prompt_id in learned and len(text) >= LEAST:
                yield text


def _require_no_harmful_completion(run_dir: Path, folder: Path) -> None:
    """Research material stays in the run, whatever a file is called."""
    # As JSON spells it too: in a .jsonl file line ends and quotes are escaped.
    wanted = {json.dumps(text)[1:-1] for text in harmful_completions(run_dir)}
    wanted |= set(harmful_completions(run_dir))
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix not in READ_AS_TEXT or path.name == "tokenizer.json":
            continue
        content = path.read_text(encoding="utf-8", errors="replace")
        if any(text in content for text in wanted):
            raise ArtifactError(
                f"{path.relative_to(folder)}: holds a completion of a harmful prompt, which is "
                "never pushed; take it out of the release, or run `primum release` again"
            )


def _upload(request: Request, folder: Path) -> str:
    from huggingface_hub import HfApi  # noqa: PLC0415  most runs never need it

    kind = "model" if request.what == "model" else "dataset"
    api: Any = HfApi(endpoint=request.endpoint)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    seen = "public" if request.public else "private"
    say("push", f"{size / 1e6:.1f} MB to {request.repo}, a {seen} {kind}")
    try:
        api.create_repo(request.repo, repo_type=kind, private=not request.public, exist_ok=True)
        there = api.repo_info(request.repo, repo_type=kind)
        # exist_ok says nothing of an existing repository's visibility.
        if not request.public and not there.private:
            raise PrimumError(
                f"{request.repo}: is public already, and a push is private unless it says "
                "otherwise; add --public, or name another repository"
            )
        found = api.upload_folder(
            repo_id=request.repo,
            repo_type=kind,
            folder_path=str(folder),
            commit_message=request.message,
        )
    # Our own refusal above must not be reworded as a fault of the network.
    except PrimumError:
        raise
    except Exception as error:  # network, permission and naming faults come in dozens of types
        raise ResourceError(
            f"{request.repo}: cannot be pushed ({first_line(error)}); is this node online, and "
            "does HF_TOKEN let you write there?"
        ) from error
    say("push", f"pushed: {found.commit_url}")
    return str(found.commit_url)


def allow_network() -> None:
    """Asked for, whatever the profile says."""
    os.environ["HF_HUB_OFFLINE"] = "0"
