"""`primum push RUN REPO`: a released model, or the run's data, to a repository of a hub.

Only when asked.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.research_material import ResearchMaterial
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
from records.stage_folder import StageDirectory

What = Literal["model", "prep", "pairs"]
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


def _require_no_harmful_completion(run_dir: Path, folder: Path) -> None:
    """Research material stays in the run, whatever a file is called."""
    material = ResearchMaterial(run_dir)
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix not in READ_AS_TEXT or path.name == "tokenizer.json":
            continue
        if material.found_in(path.read_text(encoding="utf-8", errors="replace")):
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
