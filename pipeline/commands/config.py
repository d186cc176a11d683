"""`primum config`: the resolved run, one setting explained, or the schema for an editor."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipeline.run.config import RunConfig
from pipeline.run.setting_facts import SettingFact, setting_facts
from pipeline.run.setting_names import hint
from pipeline.run.settings_schema import config_schema
from records.errors import ConfigError


def schema_text() -> str:
    """JSON for a file that an editor is pointed at."""
    return json.dumps(config_schema(), indent=1) + "\n"


def explain(key: str) -> Iterator[str]:
    """Type, default, meaning, range and owner of a setting, or of all in a block.

    Raises ConfigError for a key that there is not, with the nearest one.
    """
    # Entries of a list share one description, whatever their number.
    wanted = ".".join("*" if part.isdigit() else part for part in key.split("."))
    facts = setting_facts()
    # A user may leave the `*` out, as in data.sources.name.
    plain = {fact.key.replace(".*", ""): fact for fact in facts}
    found = next(
        (fact for fact in facts if fact.key == wanted), plain.get(wanted.replace(".*", ""))
    )
    if found is None:
        raise ConfigError(f"config --explain: unknown key {key!r}; {hint(key, RunConfig)}")
    yield from explained(found)
    inside = []
    for fact in facts:
        if fact.key.startswith((f"{found.key}.", f"{found.key}.*.")):
            inside.append(fact)
    for fact in inside:
        default = f" = {fact.default_text}" if fact.default_text else ""
        yield f"  {fact.key}{default}"


def explained(fact: SettingFact) -> Iterator[str]:
    """Lines on one setting."""
    yield fact.key
    if fact.meaning:
        yield f"  {fact.meaning}"
    yield f"  type     {fact.kind}"
    if fact.default_text:
        yield f"  default  {fact.default_text}"
    if fact.range:
        why = f" ({fact.range.why})" if fact.range.why else ""
        yield f"  range    {fact.range.wanted('a number')}{why}"
    yield f"  owner    {fact.owner}"
