"""What is wrong with a value that a setting does not take, in the words of `config --explain`.

OmegaConf says which of its classes a value is no subclass of, which helps nobody who writes YAML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pipeline.run.foreign_names import NOT_HERE
from pipeline.run.setting_facts import SettingFact, setting_facts
from pipeline.run.settings_bounds import shown

WORDS_OF_TRUTH = ("true", "false", "yes", "no", "on", "off", "y", "n", "1", "0")
"""What OmegaConf takes for true or false."""
NAMES_NOT_HERE = {"qlora": NOT_HERE["load_in_4bit"], "dora": NOT_HERE["use_dora"]}
"""Names that other trainers know, with the reason why they are none here."""


def wrong_values(key: str, value: Any) -> Iterator[str]:
    """Every value that does not fit its setting, in what is written for a setting or a block:
    what was got, what is wanted, and how it is written.

    Numbers are not looked at: their ranges are told by `records.setting_ranges`.
    """
    fact = facts().get(_plain(key))
    if fact is None or _is_reference(value) or (value is None and fact.optional):
        return
    inner = get_args(fact.hint)[0] if get_origin(fact.hint) is list else fact.hint
    if get_origin(fact.hint) is list:
        if isinstance(value, list):
            for number, item in enumerate(value):
                yield from _in_entry(f"{key}.{number}", inner, item)
        else:
            yield f"{key}: got {_got(value)}, wanted {fact.kind}, as in {_a_list(key, inner)}"
    elif is_dataclass(inner):
        yield from _in_entry(key, inner, value)
    elif get_origin(fact.hint) is dict:
        if not isinstance(value, Mapping):
            yield f"{key}: got {_got(value)}, wanted values by name, as in {key}.NAME=..."
    elif not _fits(fact, value):
        yield (
            f"{key}: got {_got(value)}, wanted {fact.kind}; "
            f"`primum config --explain {_plain(key)}` says more"
        )


def _in_entry(key: str, inner: Any, value: Any) -> Iterator[str]:
    """What is wrong with a block, or with one entry of a list."""
    if _is_reference(value):
        return
    if not is_dataclass(inner):
        if isinstance(value, list | Mapping | None):
            yield f"{key}: got {_got(value)}, wanted text; put quotation marks around it"
        return
    if not isinstance(value, Mapping):
        first = fields(inner)[0].name
        if is_dataclass(value_of := getattr(facts().get(_plain(f"{key}.{first}")), "hint", None)):
            first = f"{first}.{fields(value_of)[0].name}"
        yield (
            f"{key}: got {_got(value)}, wanted a block of settings; set one of them, as in "
            f"{key}.{first}=..."
        )
        return
    for name, below in value.items():
        yield from wrong_values(f"{key}.{name}", below)


def _a_list(key: str, inner: Any) -> str:
    if not is_dataclass(inner):
        return f"{key}=[one, another]"
    first, second = [entry.name for entry in fields(inner)][:2]
    return f"{key}=[{{{first}: ..., {second}: ...}}]"


def _fits(fact: SettingFact, value: Any) -> bool:
    """Whether text, a word of several, or true and false is what is written."""
    if value is None:
        return False
    if get_origin(fact.hint) is Literal:
        return str(value) in map(str, get_args(fact.hint))
    if fact.hint is bool:
        return str(value).lower() in WORDS_OF_TRUTH
    if fact.hint is str:
        return not isinstance(value, list | Mapping)
    return True


def _is_reference(value: Any) -> bool:
    """Another setting's value, as in ${seed}, which is refused as that (settings_bounds.py)."""
    return isinstance(value, str) and "${" in value


def _got(value: Any) -> str:
    return "nothing" if value is None else shown(value)


def _plain(key: str) -> str:
    """As in data.sources.path: without the numbers of entries."""
    return ".".join(part for part in key.split(".") if not part.isdigit())


@cache
def facts() -> dict[str, SettingFact]:
    """By key without the numbers of entries."""
    return {fact.key.replace(".*", ""): fact for fact in setting_facts()}
