"""docs/settings.md: every setting with its type, default, range, meaning and owner.

`python -m pipeline.run.settings_table > docs/settings.md` writes the page.
"""

from __future__ import annotations

from pipeline.run.setting_facts import SettingFact, setting_facts

INTRODUCTION = """# Settings

Every setting of a run: `primum config CONFIG` prints those of yours, `primum config --explain KEY` says what
one means, and `primum config --schema > run.schema.json` writes a schema by which an editor completes keys and
marks mistakes; `primum init run.yaml` writes a commented config that names it.

A number outside its range, NaN and infinity among them, is refused before any work starts; all faults of a
config are told at once, each with the file or the word of the command line that set it. `null` stands for no
limit. `*` stands for each entry of a list, or for a name of your own.

This page is generated: `python -m pipeline.run.settings_table > docs/settings.md`.
"""
HEAD = """
| setting | type and range | default | meaning | owner |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole of docs/settings.md, a table for each block of the config."""
    text, block = INTRODUCTION, ""
    for fact in setting_facts():
        first = fact.key.split(".")[0] if "." in fact.key or fact.kind == "a block" else "the run"
        if first != block:
            text += f"\n## {first}\n{HEAD}"
            block = first
        if fact.kind != "a block":
            text += _line(fact)
    return text


def _line(fact: SettingFact) -> str:
    cells = [f"`{fact.key}`", _type(fact), _default(fact), fact.meaning, f"`{fact.owner}`"]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _type(fact: SettingFact) -> str:
    if not fact.range:
        return fact.kind
    number = "a whole number" if fact.hint is int else "a number"
    why = f" ({fact.range.why})" if fact.range.why else ""
    return f"{fact.range.wanted(number)}{', or null' if fact.optional else ''}{why}"


def _default(fact: SettingFact) -> str:
    return f"`{fact.default_text}`" if fact.default_text else ""


if __name__ == "__main__":
    print(page(), end="")
