"""Task files ask what the evaluation asked, or say that they do not."""

from __future__ import annotations

import jinja2
import yaml

from eval.exports.task_files import of_several_turns, task_files
from records.rows import Message, Prompt, user

SYSTEM: Message = {"role": "system", "content": "You work in a pharmacy."}


def asked(name: str, prompt: list[Message]) -> Prompt:
    return Prompt(
        id=name, prompt=prompt, kind="harmful", suite="s", source="s", licence="MIT", split="test"
    )


PLAIN, WITH_SYSTEM = asked("a", user("How much?")), asked("b", [SYSTEM, *user("How much?")])
CONVERSATION = asked(
    "c", [*user("Hello."), {"role": "assistant", "content": "Hello."}, *user("How much?")]
)


def written(*prompts: Prompt) -> dict[str, str]:
    return task_files({"s": prompts}, max_tokens=8, folder="/tmp/t")


def test_the_harness_says_the_system_message_of_each_prompt() -> None:
    text = written(PLAIN, WITH_SYSTEM)["primum_s.yaml"].replace("!function ", "")
    description = jinja2.Template(yaml.safe_load(text)["description"])
    assert description.render(prompt=WITH_SYSTEM.prompt) == SYSTEM["content"]
    assert description.render(prompt=PLAIN.prompt) == ""
    assert "description" not in written(PLAIN)["primum_s.yaml"]


def test_a_conversation_is_not_cut_to_its_last_turn() -> None:
    files = written(PLAIN, CONVERSATION)
    assert "primum_s.yaml" not in files
    assert "def primum_s()" in files["primum_suites.py"]
    assert of_several_turns([PLAIN, WITH_SYSTEM, CONVERSATION]) == 1
