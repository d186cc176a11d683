"""Which stages of a run are known to be done, told without loading a library.

A stage's fingerprint takes the hash of every file that it depends on and the libraries that its
code imports: seconds, even where nothing has changed. So when a stage is found done, the run notes
size, times and inode of these files, of its own files and of Primum's code. While all of them stay,
so does the completion. Anything else (a copied run, another checkout, a damaged note) is looked at
as ever.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pipeline
from pipeline.run.config import RunConfig, resolved
from pipeline.run.graph import stage_names
from records.cache import cache_directory
from records.errors import ArtifactError
from records.own_files import Object, entry, read_own, sealed
from records.stage_folder import SCHEMA_VERSION, sha256_file, sha256_json, write_json

NOTE = ".known.json"
SETTLED = 2_000_000_000
"""Nanoseconds. A file that changed later than this before it was noted is known by its content too:
within one tick of a file system's clock a second change leaves the same times."""
ROOMS = ("records", "measures", "data_prep", "models", "train", "reward", "eval", "pipeline")
ENVIRONMENT = ("PRIMUM_CACHE", "HF_HOME", "HF_HUB_CACHE", "HOME")
"""Variables that say where files lie which settings name."""
Identity = list[Any]


class KnownStages:
    """Of one run, as its config and everything outside of it are when this is made, before any
    stage works.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._path = Path(config.run_dir) / NOTE
        settings = resolved(config)
        self._outside = {
            "schema": SCHEMA_VERSION,
            "settings": settings,
            # Relative paths in settings mean another file in another folder.
            "here": os.getcwd(),
            "environment": {name: os.environ.get(name) for name in ENVIRONMENT},
            "code": [
                identity
                for room in ROOMS
                for identity in _identities(Path(pipeline.__file__).parents[1] / room)
            ],
            "named": [identity for path in self._named(settings) for identity in _identities(path)],
        }
        self._noted = self._read()

    def kept(self) -> list[str]:
        """The stages from the first on that are done, up to one of which that is not known."""
        found = []
        for name in stage_names(self._config):
            if not self.is_kept(name):
                break
            found.append(name)
        return found

    def is_kept(self, stage: str) -> bool:
        """Whether the stage was done when it was noted and nothing has changed since."""
        note = self._noted.get(stage)
        if not isinstance(note, dict) or note.get("state") != sha256_json(self._state(stage)):
            return False
        contents = note.get("contents", {})
        # The contents of files that were young when they were noted are read again; all others by
        # times alone.
        return all(_content(Path(path)) == known for path, known in contents.items())

    def note(self, stage: str) -> None:
        """The stage is done, where its manifest says so by now."""
        if not (Path(self._config.run_dir) / stage / "manifest.json").is_file():
            return
        state = self._state(stage)
        now = time.time_ns()
        recent = []
        for group in state.values():
            for identity in _files(group):
                # Too young to be told by its times alone, so its content is noted as well.
                if now - max(identity[2:4]) < SETTLED:
                    recent.append(identity[0])
        self._noted[stage] = {
            "state": sha256_json(state),
            "contents": {path: _content(Path(path)) for path in recent},
        }
        write_json(self._path, sealed({"stages": self._noted}))

    def _state(self, stage: str) -> dict[str, Any]:
        """Everything that decides whether the stage is done: what lies outside, its own folder, and
        those of all stages before.
        """
        names = stage_names(self._config)
        upto = names[: names.index(stage) + 1] if stage in names else [*names, stage]
        # Folders of the stages before count too: a changed input makes this one stale.
        folders = {}
        for name in upto:
            folders[name] = list(_identities(Path(self._config.run_dir) / name))
        models: list[list[Any]] = []
        for path in self._packaged():
            models.extend(_identities(path))
        return {**self._outside, "models": models, **folders}

    def _named(self, settings: dict[str, Any]) -> list[Path]:
        """Whatever a setting may name of the file system, but for places that a run writes to."""
        # Folders that a run writes to change by themselves.
        written = {settings["run_dir"], settings["trainer"]["offload_path"]}
        texts = dict.fromkeys(text for text in _texts(settings) if text and text not in written)
        return [Path(text).expanduser() for text in texts]

    def _packaged(self) -> list[Path]:
        """Models that come with packages are unpacked into the cache."""
        cache, name = cache_directory(), self._config.model.base.path
        return (
            [
                folder
                for folder in sorted(cache.iterdir())
                if name in folder.name and folder.is_dir()
            ]
            if cache.is_dir()
            else []
        )

    def _read(self) -> dict[str, Any]:
        try:
            return read_own(self._path, _stages) if self._path.is_file() else {}
        # A damaged note costs the usual look at each stage.
        except ArtifactError:
            return {}


def _stages(record: Object) -> dict[str, Any]:
    return entry(record, "stages", dict)


def _identities(path: Path) -> Iterator[Identity]:
    """[path, size, mtime, ctime, inode] of a file or of all files below a folder; [path] where
    there is nothing.
    """
    if path.is_file():
        yield _identity(path)
        return
    if not path.is_dir():
        yield [str(path.absolute())]
        return
    yield [str(path.absolute()), "folder"]
    for folder, folders, files in os.walk(path):
        # Compiled files come and go with the Python version and change no result.
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        yield from (_identity(Path(folder) / name) for name in sorted(files))


def _identity(path: Path) -> Identity:
    status = path.lstat()
    link = os.readlink(path) if path.is_symlink() else ""
    # A link counts by where it leads: its own times do not change with the target.
    target = path.stat() if link and path.exists() else status
    times = [
        max(status.st_mtime_ns, target.st_mtime_ns),
        max(status.st_ctime_ns, target.st_ctime_ns),
    ]
    return [str(path.absolute()), target.st_size, *times, target.st_ino, link]


def _files(group: Any) -> Iterator[Identity]:
    """Of a group of a state, the identities of files that are there."""
    if isinstance(group, list):
        yield from (
            identity for identity in group if isinstance(identity, list) and len(identity) > 2
        )


def _content(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError:
        return ""


def _texts(value: Any) -> Iterator[str]:
    """Every text among settings, as deep as it lies."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
