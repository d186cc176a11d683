"""Conditions are files, and each composes with any suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eval.conditions.asking import Asked, under_conditions
from eval.conditions.definition import condition, names
from eval.config import ConditionConfig, EvalConfig
from records.errors import ModelError, RecordError
from records.rows import Kind, Message, Prompt, text_of, user

SYSTEM: Message = {"role": "system", "content": "Be safe."}


def render(messages: list[Message]) -> str:
    """A template that writes a system message of its own where there is none."""
    shown = (
        messages
        if messages[0]["role"] == "system"
        else [{"role": "system", "content": "Default."}, *messages]
    )
    return "".join(f"<{m['role']}>{m['content']}" for m in shown)


def render_without_system(messages: list[Message]) -> str:
    if messages[0]["role"] == "system":
        raise ModelError("no system message in this format")
    return text_of(messages)


def prompt(
    name: str, kind: Kind = "harmful", suite: str = "harmful", system: bool = False
) -> Prompt:
    messages = [SYSTEM, *user(f"Request {name}?")] if system else user(f"Request {name}?")
    return Prompt(id=name, prompt=messages, kind=kind, suite=suite, source="s", licence="MIT")


def asked(
    prompts: list[Prompt],
    *configs: ConditionConfig,
    renders: Callable[[list[Message]], str] = render,
    **fields: Any,
) -> tuple[list[Asked], list[str]]:
    return under_conditions(prompts, EvalConfig(conditions=list(configs), **fields), renders)


def test_the_conditions_that_come_with_primum() -> None:
    assert names() == sorted(
        [
            "authority",
            "no_system",
            "paraphrase",
            "prefix_injection",
            "pressure",
            "refusal_suppression",
            "role_play",
            "translation",
        ]
    )
    assert all(condition(name).citation and condition(name).name == name for name in names())


@pytest.mark.parametrize(
    "name", ["role_play", "authority", "prefix_injection", "refusal_suppression"]
)
def test_a_wrapper_holds_the_request_and_keeps_the_system_message(name: str) -> None:
    (one,), notes = asked([prompt("a", system=True)], ConditionConfig(name=name))
    assert [m["role"] for m in one.messages] == ["system", "user"]
    assert "Request a?" in one.messages[1]["content"]
    assert one.messages[1]["content"] != "Request a?"
    assert (one.condition, notes) == (name, [])


def test_no_system_drops_the_message_and_empties_the_templates_own() -> None:
    (one,), _ = asked([prompt("a", system=True)], ConditionConfig(name="no_system"))
    assert render(one.messages) == "<system><user>Request a?"
    (one,), _ = asked([prompt("a")], ConditionConfig(name="no_system"))
    assert render(one.messages) == "<system><user>Request a?"


def test_where_a_template_writes_no_system_message_prompts_are_left_out_and_it_is_said() -> None:
    found, notes = asked(
        [prompt("a"), prompt("b")], ConditionConfig(name="no_system"), renders=render_without_system
    )
    assert found == []
    assert notes == ["condition no_system: 2 prompts are asked as without it, and left out"]


def test_harmful_suites_are_asked_by_default_and_any_suite_by_name() -> None:
    rows = [prompt("a"), prompt("b", "benign", "twins")]
    assert [one.prompt.id for one in asked(rows, ConditionConfig(name="authority"))[0]] == ["a"]
    assert [
        one.prompt.id for one in asked(rows, ConditionConfig(name="authority", suites=["twins"]))[0]
    ] == ["b"]
    with pytest.raises(
        RecordError, match="no suite is called twin; the run measures harmful, twins"
    ):
        asked(rows, ConditionConfig(name="authority", suites=["twin"]))


def test_a_limit_takes_the_same_prompts_for_every_condition() -> None:
    rows = [prompt(f"{k:02}") for k in range(10)]
    found, _ = asked(
        rows,
        ConditionConfig(name="authority"),
        ConditionConfig(name="pressure"),
        condition_prompts=3,
    )
    assert [one.prompt.id for one in found] == ["00", "03", "06"] * 2


def test_paraphrases_come_from_a_file_by_id_or_text_and_several_are_numbered(
    tmp_path: Path,
) -> None:
    path = tmp_path / "p.jsonl"
    rows = [
        {"prompt_id": "a", "text": "One"},
        {"prompt_id": "a", "text": "Two"},
        {"prompt": "Request b?", "text": "Three"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found, notes = asked(
        [prompt(name) for name in "abc"], ConditionConfig(name="paraphrase", path=str(path))
    )
    assert [(one.condition, text_of(one.messages)) for one in found] == [
        ("paraphrase", "One"),
        ("paraphrase_2", "Two"),
        ("paraphrase", "Three"),
    ]
    assert notes == ["condition paraphrase: 1 of 3 prompts have no row in p.jsonl"]


def test_an_optional_condition_without_its_file_is_left_out_aloud() -> None:
    found, notes = asked(
        [prompt("a")], ConditionConfig(name="paraphrase", path="/nowhere.jsonl", optional=True)
    )
    assert (found, notes) == ([], ["condition paraphrase left out: /nowhere.jsonl is not there"])


FAULTS = {
    "an unknown name": (ConditionConfig(name="roleplay"), r"did you mean role_play\?"),
    "a missing file": (ConditionConfig(name="translation"), "needs the path of its file"),
    "a needless file": (ConditionConfig(name="role_play", path="x.jsonl"), "takes no path"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_in_a_config_is_told(fault: str) -> None:
    config, said = FAULTS[fault]
    with pytest.raises(RecordError, match=said):
        asked([prompt("a")], config)


def test_a_condition_twice_is_a_fault() -> None:
    with pytest.raises(RecordError, match="2 are called authority"):
        asked(
            [prompt("a")],
            ConditionConfig(name="authority"),
            ConditionConfig(name="authority", suites=["harmful"]),
        )


def test_a_condition_of_the_users_own_is_a_file_and_its_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "calm.yaml"
    path.write_text(
        'name: calm\ntitle: Calm\nuser: "Calmly: {request}"\ncitation: "Ours"\n', encoding="utf-8"
    )
    (one,), _ = asked([prompt("a")], ConditionConfig(name=str(path)))
    assert (one.condition, text_of(one.messages)) == ("calm", "Calmly: Request a?")
    path.write_text('name: calm\ntitle: Calm\nuser: "Calmly"\nturns: [x]\n', encoding="utf-8")
    with pytest.raises(RecordError) as caught:
        condition(str(path))
    assert [fault.split(": ", 1)[1].split(";")[0] for fault in caught.value.faults] == [
        "no citation",
        "wanted one of user, drop_system, turns and from_file, got user, turns",
        "user: no {request} in it, so the request would not be asked",
    ]
