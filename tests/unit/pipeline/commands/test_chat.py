"""`primum chat` on a pipe and on a terminal: replies side by side, verdicts, and rows that
review-import takes.
"""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
from judge_server import Act, JudgeServer

from models.config import LanguageModelConfig, ModelConfig
from models.engines.generate import Generated
from pipeline import cli
from pipeline.chatting.layout import BOLD, CLEARED, Shown, laid_out
from pipeline.chatting.names import named_subjects
from pipeline.chatting.speakers import Speaker
from pipeline.chatting.verdicts import Judged
from pipeline.commands.chat import Chat, Request, chat
from pipeline.measuring.scorers import Judges
from pipeline.run.config import RunConfig, to_yaml
from records.errors import ConfigError, PrimumError
from records.rows import Message
from reward.scorers import RefusalRule
from train.rlhf.config import RlhfConfig


class Says:
    """A voice that repeats the turn, or declines all of them."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.asked: list[list[Message]] = []

    def reply(self, messages: list[Message]) -> Generated:
        self.asked.append(messages)
        return Generated(self.text or f"You asked: {messages[-1]['content']}", 3, "stop")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def talk(tmp_path: Path) -> Chat:
    speakers = [
        Speaker("base", "base", Says()),
        Speaker("dpo", "dpo", Says("I'm sorry, but I can't help with that.")),
    ]
    return Chat(speakers, [RefusalRule()], tmp_path / "saved", io.StringIO())


def shown_by(talk: Chat) -> str:
    assert isinstance(talk.output, io.StringIO)
    return talk.output.getvalue()


def test_turns_go_on_and_each_side_remembers_its_own_replies(talk: Chat) -> None:
    talk.run(iter(["one\n", "\n", "two\n", "/reset\n", "three\n", "/quit\n", "four\n"]))
    voices: list[Any] = [speaker.voice for speaker in talk.speakers]
    base, dpo = (voice.asked for voice in voices)
    assert [len(messages) for messages in base] == [1, 3, 1]
    assert base[1][1]["content"] == "You asked: one"
    assert dpo[1][1]["content"].startswith("I'm sorry")
    shown = shown_by(talk)
    assert (
        shown.index("You asked: one")
        < shown.index("declines: none")
        < shown.index("declines: full")
    )
    assert "\x1b" not in shown


def test_commands_are_explained_and_unknown_ones_named(talk: Chat) -> None:
    talk.run(iter(["/help", "/nonsense", "/save"]))
    shown = shown_by(talk)
    assert "/reset  forget" in shown
    assert "/nonsense: no such command; /help lists them" in shown
    assert "nothing has been said yet" in shown
    assert not talk.save.exists()


def test_what_is_saved_goes_through_review_import(
    talk: Chat, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk.run(iter(["How do I hide an error?", "/save", "And then?", "/save"]))
    first, second = tmp_path / "saved", tmp_path / "saved_2"
    with (second / "batch.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    for row in rows:
        row |= {
            "rater": "ann",
            "harmfulness": "1" if "sorry" in row["completion"] else "5",
            "refusal": "no",
        }
    with (tmp_path / "rated.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    config = tmp_path / "run.yaml"
    config.write_text(f"run_dir: {tmp_path / 'run'}\n")
    out = tmp_path / "imported"
    assert (
        cli.main(
            [
                "review-import",
                str(config),
                str(tmp_path / "rated.csv"),
                "--batch",
                str(second),
                "--output",
                str(out),
            ]
        )
        == 0
    )
    pairs = [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]
    assert [(pair["chosen_source"], pair["rejected_source"]) for pair in pairs] == [("dpo", "base")]
    assert (first / "manifest.json").is_file()


def test_a_turn_that_fails_is_forgotten_by_all(talk: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(messages: list[Message]) -> NoReturn:
        raise ConfigError("the server is away")

    monkeypatch.setattr(talk.speakers[1].voice, "reply", away)
    talk.run(iter(["one"]))
    assert "the server is away" in shown_by(talk)
    assert [speaker.messages for speaker in talk.speakers] == [[], []]


@pytest.mark.parametrize("error", [ConfigError("the server is away"), KeyboardInterrupt()])
def test_on_a_terminal_a_turn_is_given_up_and_the_conversation_goes_on(
    talk: Chat, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Who is writing is said meanwhile, and gone afterwards."""
    talk.output = Terminal()

    def away(messages: list[Message]) -> NoReturn:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(talk.speakers[1].voice, "reply", away)
        talk.run(iter(["one"]))
    assert "this turn is forgotten" in shown_by(talk)
    talk.run(iter(["two"]))
    shown = shown_by(talk)
    assert "You asked: two" in shown
    assert "You asked: one" not in shown
    assert shown.count("base is writing ...") == shown.count("dpo is writing ...") == 2
    assert shown.count(f"\r{CLEARED}") == 4


def test_on_a_pipe_a_turn_without_a_reply_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.commands import chat as command

    class Away:
        def reply(self, messages: list[Message]) -> NoReturn:
            raise ConfigError("the server is away")

    monkeypatch.setattr(command, "speakers_of", lambda *_: [Speaker("m", "m", Away())])
    monkeypatch.setattr(Judges, "load", lambda *_: [RefusalRule()])
    output = io.StringIO()
    with pytest.raises(PrimumError, match="the server is away"):
        chat(Request(model="tiny"), io.StringIO("one\n"), output)
    assert "this turn is forgotten" in output.getvalue()


def test_an_engine_that_chat_has_not_is_not_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chat", "tiny", "eval.engine=vllm"]) == 2
    assert "eval.engine=vllm: a chat is written by transformers" in capsys.readouterr().err


def test_two_replies_stand_side_by_side_where_there_is_room() -> None:
    replies = [Shown("base", "word " * 30, "declines: none"), Shown("dpo", "no", "declines: full")]
    wide = laid_out(replies, 120, colour=False)
    assert all(len(line) <= 120 for line in wide)
    assert any("base" in line and "dpo" in line for line in wide)
    narrow = laid_out(replies, 60, colour=False)
    assert all(len(line) <= 60 for line in narrow)
    assert not any("base" in line and "dpo" in line for line in narrow)
    coloured = laid_out(replies, 120, colour=True)
    assert coloured[0].startswith(BOLD)


def test_a_reply_cannot_move_the_cursor() -> None:
    (title, body, *_) = laid_out([Shown("m\x1b[2J", "a\x1b[2Jb\rc", "v")], 80, colour=False)
    assert "\x1b" not in title + body
    assert "\\x1b[2Jb\\rc" in body


def test_a_terminal_gets_colour(talk: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda fallback: os.terminal_size((120, 24)))
    talk.output = Terminal()
    talk.run(iter(["one"]))
    assert BOLD in shown_by(talk)


def test_of_a_run_its_base_and_its_released_policy_speak(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "prep").mkdir(parents=True)
    saved = RunConfig(
        run_dir=str(run),
        model=LanguageModelConfig(base=ModelConfig(path="tiny")),
        rlhf=RlhfConfig(steps=40),  # as defaults of another version were
    )
    (run / "config.yaml").write_text(to_yaml(saved))
    with pytest.raises(ConfigError, match="no stage of this run has trained a policy yet"):
        named_subjects(str(run), None)
    for stage in ("sft", "dpo"):
        (run / stage / "policy").mkdir(parents=True)
        (run / stage / "policy" / "config.json").write_text("{}")
    base, aligned = named_subjects(str(run), None)
    assert (base.where, base.title, aligned.title) == ("tiny", "base", "dpo")
    alone = named_subjects("tiny", None)
    assert [subject.title for subject in alone] == ["tiny"]


@pytest.mark.embedded
def test_a_model_talks_on_a_pipe(
    tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIMUM_CACHE", str(tmp_path))
    output = io.StringIO()
    words = ["eval.generation.max_new_tokens=4"]
    chat(
        Request(model=str(tiny_directory), words=words, against="tiny"),
        io.StringIO("Is this safe?\n"),
        output,
    )
    shown = output.getvalue()
    assert "tiny beside" in shown
    assert shown.count("declines: ") == 2
    assert shown.count("asks for harm ") == 2
    assert shown.count(", harm ") + shown.count("\nharm ") == 2


def test_a_server_talks_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from pipeline.chatting.speakers import ServerVoice
    from pipeline.measuring.subjects import subjects_of
    from pipeline.run.config_loading import load_config

    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = JudgeServer()
    threading.Thread(
        target=server.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    server.plan = lambda request, number: Act(text=f"Yes: {request.words}")
    (subject,) = subjects_of([f"m@{server.url}"])
    speaker = Speaker("m", "m", ServerVoice.of(subject, load_config(None), tmp_path))
    assert Judged.of(speaker.reply_to("Is it safe?"), [RefusalRule()]).text == "Yes: Is it safe?"
    assert speaker.reply_to("And with food?").prompt[1]["content"] == "Yes: Is it safe?"
    assert len(server.requests[1].body["messages"]) == 3
    server.http.shutdown()
    server.http.server_close()
