"""Prompts under conditions: which are asked, and as what messages."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from eval.conditions.definition import REQUEST, Condition, condition
from eval.config import ConditionConfig, EvalConfig
from records.choice import at_even_distances
from records.errors import ModelError, RecordError
from records.rows import Message, Prompt, read_json_lines, shorten, text_of, user

Render = Callable[[list[Message]], str]
"""What the chat template writes. Raises ModelError where it takes no such conversation."""


class Asked(NamedTuple):
    """A prompt as it is asked; `condition` is empty where it is asked as it stands."""

    prompt: Prompt
    condition: str
    messages: list[Message]
    turns: tuple[str, ...] = ()
    """What the user says after each decline of it."""


def under_conditions(
    prompts: Sequence[Prompt], config: EvalConfig, render: Render
) -> tuple[list[Asked], list[str]]:
    """(every prompt under every condition of the config, what is to be said about those left out).

    Raises RecordError with the faults of all conditions.
    """
    asked: list[Asked] = []
    notes: list[str] = []
    faults: list[str] = []
    for each in config.conditions:
        # Told and not silent: a report without a condition must say that it was meant to have it.
        if each.optional and each.path and not Path(each.path).is_file():
            notes.append(f"condition {each.name} left out: {each.path} is not there")
            continue
        try:
            found, note = _under(
                each, chosen_prompts(prompts, each, config.condition_prompts), render
            )
        except RecordError as error:
            faults += error.faults
        else:
            asked += found
            notes += note
    names = (
        Counter(condition(each.name).name for each in config.conditions)
        if not faults
        else Counter()
    )
    for name, count in names.items():
        if count > 1:
            faults.append(f"eval.conditions: {count} are called {name}; name each once")
    if faults:
        raise RecordError(shorten(faults))
    return asked, notes


def chosen_prompts(
    prompts: Sequence[Prompt], config: ConditionConfig, limit: int | None
) -> list[Prompt]:
    """Those of the suites that the condition is meant for, by default all harmful ones; of each
    suite at most `limit`.
    """
    suites: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        if prompt.suite in config.suites or (not config.suites and prompt.kind == "harmful"):
            suites.setdefault(prompt.suite, []).append(prompt)
    missing = [name for name in config.suites if name not in suites]
    if missing:
        known = ", ".join(dict.fromkeys(prompt.suite for prompt in prompts))
        raise RecordError(
            f"eval.conditions {config.name!r}: no suite is called {', '.join(missing)}; the run "
            f"measures {known}"
        )
    made: list[Prompt] = []
    for rows in suites.values():
        made.extend(rows if limit is None else at_even_distances(rows, limit))
    return made


def _under(
    config: ConditionConfig, prompts: Sequence[Prompt], render: Render
) -> tuple[list[Asked], list[str]]:
    known = condition(config.name)
    if known.from_file != bool(config.path):
        what = (
            "needs the path of its file (docs/conditions.md)"
            if known.from_file
            else "takes no path"
        )
        raise RecordError(f"eval.conditions {config.name!r}: {what}")
    if known.from_file:
        found, left_out = _from_file(known, Path(config.path), prompts)
    else:
        found = []
        for prompt in prompts:
            found.append(Asked(prompt, known.name, _messages(known, prompt, render), known.turns))
        left_out = 0
    changed = []
    for one in found:
        # A condition that changes nothing for this template would be the plain prompt under another
        # name.
        if one.turns or render(one.messages) != render(one.prompt.prompt):
            changed.append(one)
    notes = (
        [
            f"condition {known.name}: {len(found) - len(changed)} prompts are asked as without it, "
            "and left out"
        ]
        if len(changed) < len(found)
        else []
    )
    notes += (
        [
            f"condition {known.name}: {left_out} of {len(prompts)} prompts have no row in "
            f"{Path(config.path).name}"
        ]
        if left_out
        else []
    )
    return changed, notes


def _messages(known: Condition, prompt: Prompt, render: Render) -> list[Message]:
    messages = prompt.prompt
    if known.drop_system:
        return _without_system(messages, render)
    if known.user:
        # Only the last turn of the user is wrapped; what came before is the conversation's own.
        return [*messages[:-1], *user(known.user.replace(REQUEST, messages[-1]["content"]))]
    return messages


def _without_system(messages: Sequence[Message], render: Render) -> list[Message]:
    """The request alone, behind an empty system message where the template would otherwise write
    one of its own.
    """
    alone = []
    for message in messages:
        if message["role"] != "system":
            alone.append(message)
    # SmolLM2's and Qwen2.5's templates write a default system message where none is given.
    emptied = [Message(role="system", content=""), *alone]
    try:
        # Shorter means that the empty message kept the default away.
        return emptied if len(render(emptied)) < len(render(alone)) else alone
    except ModelError:
        return alone


def _from_file(known: Condition, path: Path, prompts: Sequence[Prompt]) -> tuple[list[Asked], int]:
    """What the file asks instead, several texts of a prompt numbered from the second on; how many
    prompts it lacks.
    """
    texts: defaultdict[str, list[str]] = defaultdict(list)
    faults = []
    for number, row in read_json_lines(path):
        key, text = row.get("prompt_id") or row.get("prompt"), row.get("text")
        if not isinstance(key, str) or not isinstance(text, str) or not text.strip():
            faults.append(
                f"{path}:{number}: wanted prompt_id (or prompt) and text, got columns "
                f"{', '.join(sorted(row))}"
            )
        else:
            texts[key.strip()].append(text.strip())
    if faults:
        raise RecordError(shorten(faults))
    asked = []
    for prompt in prompts:
        for place, text in enumerate(
            # By id or by the request itself, as files that were made elsewhere know no ids.
            texts.get(prompt.id) or texts.get(text_of(prompt.prompt).strip()) or ()
        ):
            name = known.name if place == 0 else f"{known.name}_{place + 1}"
            asked.append(Asked(prompt, name, [*prompt.prompt[:-1], *user(text)]))
    if not asked:
        raise RecordError(
            f"{path}: none of its rows names a prompt of the run; wanted prompt_id as in "
            "eval/prompts.jsonl, or the request as it stands"
        )
    return asked, len(prompts) - len({(one.prompt.suite, one.prompt.id) for one in asked})
