"""What `primum measure` and `primum chat` are pointed at: a model, a server, or completions that
are there already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from models.config import EMBEDDED, TINY
from pipeline.measuring.prompts import OWN_SUITES
from records.contracts import BASE
from records.errors import ConfigError

WANTED = (
    "wanted a model's directory, a Hugging Face hub id (org/name or org/name@revision), a server "
    "(http://HOST:PORT/v1 or MODEL@http://HOST:PORT/v1), a file of completions, "
    f"{EMBEDDED!r} or {TINY!r}"
)
_HUB_ID = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_SERVER = re.compile(r"(?:(?P<model>.+)@)?(?P<url>https?://.+)")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One thing that is measured."""

    word: str
    """As the user named it."""
    kind: Literal["model", "server", "file"]
    where: str
    """A directory or hub id; an address; a file."""
    name: str = ""
    """Of the policy in records: lower case; the first subject's is that of the baseline."""
    title: str = ""
    revision: str | None = None
    """Of a hub id."""
    served: str = ""
    """The name that a server knows the model by; empty where it is to be asked for."""


def subjects_of(words: Sequence[str]) -> list[Subject]:
    """One subject a word, the first under the baseline's name.

    Raises ConfigError with what is wrong with all of them.
    """
    found: list[Subject] = []
    faults = []
    for word in words:
        try:
            found.append(_subject(word))
        except ConfigError as error:
            faults += error.faults
    twice = sorted({word for word in words if words.count(word) > 1})
    faults += [f"{word}: is named twice; name each model once" for word in twice]
    if faults:
        raise ConfigError(faults)
    return _named(found)


def _subject(word: str) -> Subject:
    # Before the file system is asked: an address has slashes, as a path does.
    server, path = _SERVER.fullmatch(word), Path(word).expanduser()
    if server:
        served = server["model"] or ""
        return Subject(
            word=word,
            kind="server",
            where=server["url"].rstrip("/"),
            served=served,
            title=served or word,
        )
    # Names of packaged models come before hub ids, which look alike.
    if word in (EMBEDDED, TINY):
        return Subject(word=word, kind="model", where=word, title=word)
    if path.is_dir():
        return Subject(word=word, kind="model", where=str(_model_folder(path)), title=_title(path))
    if path.is_file():
        return Subject(word=word, kind="file", where=str(path), title=path.name.split(".")[0])
    hub = _HUB_ID.fullmatch(word)
    # A mistyped path must not be asked of the hub.
    if hub and not word.startswith((".", "/", "~")):
        return Subject(
            word=word, kind="model", where=hub["name"], revision=hub["revision"], title=hub["name"]
        )
    raise ConfigError(f"{word}: {_why_no_subject(word)}")


def _why_no_subject(word: str) -> str:
    # --against and --scorer take every word up to the next option, so these land there by mistake.
    for of_words, what in ((word in OWN_SUITES, "a suite"), ("=" in word, "a setting")):
        if of_words:
            return f"is {what} and no model; name it right after the first model, before --against"
    return f"no such file or directory; {WANTED}"


def _model_folder(folder: Path) -> Path:
    """The folder itself, or the policy that a stage of a run left in it."""
    if (folder / "policy" / "config.json").is_file():
        return folder / "policy"
    # A whole run holds several policies; which one is meant cannot be guessed.
    if (
        not (folder / "config.json").is_file()
        and (folder / "config.yaml").is_file()
        and (folder / "prep").is_dir()
    ):
        trained = sorted(stage.parent.parent.name for stage in folder.glob("*/policy/config.json"))
        remedy = (
            f"name one of its policies, as in {folder / trained[-1]}"
            if trained
            else "no stage of it has trained a policy yet"
        )
        raise ConfigError(f"{folder}: a run and no model; {remedy}")
    return folder


def _title(folder: Path) -> str:
    """The last part that tells one model from another: dpo of RUN/dpo/policy."""
    parts = []
    for part in folder.absolute().parts:
        if part not in ("policy", "/"):
            parts.append(part)
    return parts[-1] if parts else str(folder)


def _named(subjects: Sequence[Subject]) -> list[Subject]:
    taken = {BASE.name}
    named = []
    for place, subject in enumerate(subjects):
        name = BASE.name if place == 0 else distinct(plain_name(subject.title), taken)
        named.append(replace(subject, name=name))
    return named


def plain_name(text: str) -> str:
    """Lower case, digits and underscores alone, as names of policies are."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "model"


def distinct(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where it is taken; it is then taken too."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    taken.add(found)
    return found
