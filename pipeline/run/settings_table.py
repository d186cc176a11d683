"""The table of docs/settings.md: every numeric setting with its default and its range.

`python -m pipeline.run.settings_table > docs/settings.md` writes the page.
"""

from __future__ import annotations

from typing import Any

from pipeline.run.config import RunConfig, resolved
from records.setting_ranges import NumericSetting, numeric_settings

INTRODUCTION = """# Settings that are numbers

`primum config CONFIG` prints every setting of a run. Those that hold a number are listed here with their
defaults and ranges. A number outside its range, NaN and infinity among them, is refused before any work
starts; all faults of a config are told at once, each with the file or the word of the command line that
set it. `null` stands for no limit. `*` stands for each entry of a list, or for a name of your own.

This page is generated: `python -m pipeline.run.settings_table > docs/settings.md`.

| setting | default | range |
|---|---|---|
"""


def page() -> str:
    """The whole of docs/settings.md."""
    defaults = resolved(RunConfig())
    return INTRODUCTION + "".join(_line(setting, defaults) for setting in numeric_settings(RunConfig))


def _line(setting: NumericSetting, defaults: dict[str, Any]) -> str:
    assert setting.range is not None, setting.key
    wanted = setting.range.wanted("a whole number" if setting.whole else "a number")
    why = f" ({setting.range.why})" if setting.range.why else ""
    return f"| `{setting.key}` | {_default(setting, defaults)} | {wanted}{', or null' if setting.optional else ''}{why} |\n"


def _default(setting: NumericSetting, defaults: Any) -> str:
    """As it is written in a config; empty for entries that a user adds."""
    for name in setting.key.split("."):
        if name == "*":
            return ""
        defaults = defaults[name]
    return "null" if defaults is None else f"{defaults}"


if __name__ == "__main__":
    print(page(), end="")
