"""Every numeric setting of a run: its range is stated, and NaN, infinities and nonsense do not get
past it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from present import present

from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.settings_table import page
from records.errors import ConfigError
from records.setting_ranges import NumericSetting, Ranged, numeric_settings

SETTINGS = numeric_settings(RunConfig)
NONSENSE = [
    ".nan",
    ".inf",
    "-.inf",
    "-1",
    "0",
    "1e308",
    "1" + "0" * 400,
    "0x" + "f" * 9000,
    "-1e308",
]
ENTRIES = {
    "data.sources.*.limit": "data.sources=[{name: a, limit: %s}]",
    "data.sources.*.weight": "data.sources=[{name: a, weight: %s}]",
    "eval.suites.*.limit": "eval.suites=[{name: a, path: a.csv, limit: %s}]",
    "eval.capability.tasks.*.limit": "eval.capability.tasks=[{name: a, path: a.csv, limit: %s}]",
    "data.lint.fail_above.*": "data.lint.fail_above={roles: %s}",
    "data.split.val_of.*": (
        "data={sources: [{name: roles, evaluation_only: true}], split: {val_of: {roles: %s}}}"
    ),
}
"""How a setting inside a list, or by a name of the user's, is written."""


def override(setting: NumericSetting, value: str) -> str:
    return ENTRIES.get(setting.key, f"{setting.key}=%s") % value


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "run.yaml"
    path.write_text("")
    return path


def number(text: str) -> float:
    return (
        int(text, 0)
        if text.lstrip("-").isdigit() or text.startswith("0x")
        else float(text.replace(".n", "n").replace(".i", "i"))
    )


def told(path: Path, words: list[str]) -> list[str]:
    try:
        load_config(path, words)
    except ConfigError as error:
        return error.faults
    return []


def test_every_numeric_setting_states_a_range() -> None:
    unstated = [setting.key for setting in SETTINGS if setting.range is None]
    assert not unstated, "state their ranges with `ranged`, beside their defaults"


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: value[:9])
def test_every_numeric_setting_refuses_what_is_out_of_its_range_all_at_once(
    empty: Path, value: str
) -> None:
    """Each fault says who set it, what it got, what is wanted and what to do."""
    words = {override(setting, value): setting for setting in SETTINGS}
    # Two of one list would replace each other.
    alone = [word for word, setting in words.items() if setting.key in ENTRIES]
    faults = told(empty, [word for word in words if word not in alone])
    for word in alone:
        faults += told(empty, [word])
    for word, setting in words.items():
        own = [fault for fault in faults if fault.startswith(f"override {word[:100]!r}")]
        whole = value.removeprefix("-").isalnum()
        if present(setting.range).holds(number(value)) and (whole or not setting.whole):
            assert not own
            continue
        (fault,) = own
        assert setting.key.replace("*", "0") in fault or setting.key.replace("*", "roles") in fault
        for part in ("got ", ", wanted ", "; set one, or leave it out for its default"):
            assert part in fault
        assert len(fault) < 400


@pytest.mark.parametrize("block", sorted({setting.key.rpartition(".")[0] for setting in SETTINGS}))
def test_no_block_is_built_in_python_either(block: str) -> None:
    config: object = RunConfig()
    for name in block.split(".") if block else ():
        config = getattr(config, name, None)
    if isinstance(config, list | dict) or config is None:
        return
    assert isinstance(config, Ranged)
    numeric = numeric_settings(type(config))  # type: ignore[arg-type]
    own = [setting for setting in numeric if "." not in setting.key]
    for setting in own:
        with pytest.raises(ValueError, match=setting.key):
            type(config)(**{setting.key: float("nan")})


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    values=st.dictionaries(
        st.sampled_from(SETTINGS), st.integers(-(10**40), 10**40) | st.floats() | st.integers(-3, 9)
    )
)
def test_whatever_number_is_written_is_taken_as_it_is_or_refused(
    tmp_path_factory: pytest.TempPathFactory, values: dict[NumericSetting, int | float]
) -> None:
    path = tmp_path_factory.getbasetemp() / "empty.yaml"
    path.write_text("")
    words = [
        override(setting, str(value).replace("nan", ".nan").replace("inf", ".inf"))
        for setting, value in values.items()
    ]
    try:
        config = load_config(path, words)
    except ConfigError:
        return
    for setting, value in values.items():
        found: object = config
        for name in setting.key.split("."):
            found = (
                found[0]
                if isinstance(found, list)
                else found["roles"]
                if isinstance(found, dict)
                else getattr(found, name)
            )
        assert found == value
        assert present(setting.range).holds(value)


def test_the_docs_have_every_range() -> None:
    page_file = Path(__file__).resolve().parents[4] / "docs" / "settings.md"
    assert page_file.read_text(encoding="utf-8") == page()
