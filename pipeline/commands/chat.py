"""`primum chat`: talk to a model, beside its base, with the scorers' verdict under each reply."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from data_prep.review.review_files import write_batch
from pipeline.chatting.layout import CLEARED, DIM, PLAIN, Shown, laid_out
from pipeline.chatting.names import named_subjects
from pipeline.chatting.speakers import Speaker, speakers_of
from pipeline.chatting.verdicts import Judged
from pipeline.measuring.scorers import judges_of
from pipeline.run.config_loading import load_config
from pipeline.run.provenance import code_state
from pipeline.run.runner import settle
from records.contracts import Scorer
from records.errors import ConfigError, PrimumError
from records.escaping import one_line
from records.principles import PRINCIPLES

HELP = (
    "/help   these lines",
    "/reset  forget the conversation, and begin anew",
    "/save   write all replies so far as a batch for review; /save DIRECTORY names it",
    "/quit   end, as the end of the input does",
)
LONG = "eval.generation.max_new_tokens=256"
"""Longer than an evaluation's completions, unless a setting says otherwise."""
NARROW = 80


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for."""

    model: str
    words: Sequence[str] = ()
    against: str | None = None
    scorers: Sequence[str] = ()
    save: Path | None = None
    api_key_env: str = ""


@dataclass
class Chat:
    """A conversation that lasts as long as its input."""

    speakers: list[Speaker]
    scorers: list[Scorer]
    save: Path
    output: TextIO
    judged: list[Judged] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Faults of turns that got no reply."""

    def run(self, lines: Iterator[str]) -> None:
        """Answer line by line until the lines end or ask to stop."""
        for line in lines:
            text = line.strip()
            if text in ("/quit", "/exit"):
                return
            if text.startswith("/"):
                self._command(text)
            elif text:
                self._turn(text)

    def _command(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        if word == "/help":
            self._say(*HELP)
        elif word == "/reset":
            for speaker in self.speakers:
                speaker.messages.clear()
            self._say("the conversation begins anew")
        elif word == "/save":
            self._save(Path(rest.strip()).expanduser() if rest.strip() else self.save)
        else:
            self._say(f"{word}: no such command; /help lists them")

    def _turn(self, text: str) -> None:
        # Copies: a speaker's own list grows while it answers.
        before = [list(speaker.messages) for speaker in self.speakers]
        try:
            replies = [self._reply(speaker, text) for speaker in self.speakers]
        # A server that is away for a minute must not end the conversation, nor a reply that gets
        # too long.
        except (PrimumError, KeyboardInterrupt) as error:
            # On a pipe an interrupt ends the program as usual; only at a terminal it cancels the
            # turn.
            if isinstance(error, KeyboardInterrupt) and not self.output.isatty():
                raise
            faults = error.faults if isinstance(error, PrimumError) else ["interrupted"]
            # All of them are put back, or two models would go on from different conversations.
            for speaker, messages in zip(self.speakers, before, strict=True):
                speaker.messages = messages
            self.failed += faults
            self._say(*map(one_line, faults), "this turn is forgotten; say it again")
            return
        self.judged += replies
        shown = []
        for speaker, reply in zip(self.speakers, replies, strict=True):
            shown.append(Shown(speaker.title, reply.text, reply.line()))
        terminal = self.output.isatty()
        width = shutil.get_terminal_size((NARROW, 24)).columns if terminal else NARROW
        self._say(*laid_out(shown, width, colour=terminal))

    def _reply(self, speaker: Speaker, text: str) -> Judged:
        """A terminal shows meanwhile who is writing."""
        if self.output.isatty():
            title = one_line(speaker.title)
            print(f"{DIM}{title} is writing ...{PLAIN}", end="", file=self.output, flush=True)
        try:
            return Judged.of(speaker.reply_to(text), self.scorers)
        finally:
            if self.output.isatty():
                print(f"\r{CLEARED}", end="", file=self.output, flush=True)

    def _save(self, wanted: Path) -> None:
        items = {}
        for item in (reply.item() for reply in self.judged):
            if reply_text(item.completion):
                items[item.id] = item
        if not items:
            self._say("nothing has been said yet that could be reviewed")
            return
        folder = _new(wanted)
        principles = {}
        for number, principle in PRINCIPLES.items():
            principles[number] = principle.title
        provenance = {
            "drawn": "chat",
            "speakers": [speaker.title for speaker in self.speakers],
            **code_state(),
        }
        try:
            batch = write_batch(
                folder,
                list(items.values()),
                principles=principles,
                show_scores=False,
                provenance=provenance,
            )
        except OSError as error:  # the conversation must not be lost with the folder
            self._say(
                f"{folder}: cannot be written ({error.strerror}); name another, as in /save "
                "DIRECTORY"
            )
            return
        self._say(
            f"batch {batch}: {len(items)} replies in {folder}; its README.md says how to rate them"
        )

    def _say(self, *lines: str) -> None:
        print("\n".join(lines), file=self.output, flush=True)


def reply_text(messages: Sequence[object]) -> str:
    """Of a completion's messages; an empty one is nothing to rate."""
    return "".join(
        str(message["content"]) for message in messages if isinstance(message, dict)
    ).strip()


def chat(request: Request, lines: TextIO = sys.stdin, output: TextIO = sys.stdout) -> None:
    """Read turns until the input ends.

    Nothing of the conversation is written but to `output`, and by /save.
    """
    config = load_config(None, [LONG, *request.words])
    if config.eval.engine != "transformers":
        raise ConfigError(
            f"eval.engine={config.eval.engine}: a chat is written by transformers; serve the model "
            "with vLLM and name the server instead, as in NAME@http://localhost:8000/v1"
        )
    settle(config)
    judges = judges_of(request.scorers, config)
    if judges.files:
        raise ConfigError(
            f"a chat asks no judge, got {', '.join(judges.files)}; leave --scorer judge= and "
            "eval.judges out, or use them with `primum measure`"
        )
    subjects = named_subjects(request.model, request.against)
    with TemporaryDirectory(prefix="primum-chat-") as folder:
        speakers = speakers_of(subjects, config, Path(folder), request.api_key_env)
        talk = Chat(speakers, judges.load([]), request.save or Path("chat"), output)
        titles = " beside ".join(speaker.title for speaker in speakers)
        print(f"{titles}; /help lists commands", file=output, flush=True)
        talk.run(_typed() if lines.isatty() else iter(lines))
        if talk.failed and not lines.isatty():  # nobody has read it, and the shell must know
            raise PrimumError(talk.failed)


def _typed() -> Iterator[str]:
    """Lines of a terminal, with a mark where the user types and, where there is readline, its keys;
    no history is kept on disk.
    """
    # readline is not in every build of Python.
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415  on a pipe nobody edits lines

    while True:
        try:
            yield input("> ")
        except (EOFError, KeyboardInterrupt):
            print()
            return


def _new(folder: Path) -> Path:
    """The folder, or where it is there already the next with a number."""
    place, number = folder, 2
    while place.exists():
        place, number = folder.with_name(f"{folder.name}_{number}"), number + 1
        if number > 10_000:
            raise PrimumError(
                f"{folder}: is there with 10000 numbers behind it; name another folder"
            )
    return place
