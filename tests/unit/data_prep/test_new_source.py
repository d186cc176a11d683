"""A new source is one file and one line of registration, those of docs/adding_a_source.md.

Settings, checks, prep, the data card and suites know it then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import data_prep.sources
from data_prep.prepare import prepare
from data_prep.source_registry import SOURCES, source_kind
from eval.suites.registry import load
from pipeline.checks.inputs import input_faults, read_rows
from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.setting_facts import setting_facts
from pipeline.run.settings_schema import config_schema
from records.errors import ConfigError
from records.rows import text_of

DOCS = Path(__file__).resolve().parents[3] / "docs"
FILE, LINE = re.findall(
    r"```python\n(.*?)```", (DOCS / "adding_a_source.md").read_text(), flags=re.DOTALL
)
SUITE = """
{name: cases, title: Cases, kind: benign, scorers: [refusal], metrics: [over_refusal_rate],
prompts: {format: vignettes}, licence: CC-BY-4.0, citation: none}
"""


@pytest.fixture(autouse=True)
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "vignettes.py").write_text(FILE)
    monkeypatch.setattr(
        data_prep.sources, "__path__", [*data_prep.sources.__path__, str(tmp_path / "more")]
    )
    ((name, where),) = eval(LINE).items()
    monkeypatch.setitem(SOURCES, name, where)


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    for number, topic in enumerate(("croup", "gout", "shingles", "rosacea")):
        (folder / f"{number}.txt").write_text(
            f"How is {topic} told apart?\nBy its course, and by looking at number {number}."
        )
    return folder


def config(tmp_path: Path, cases: Path, format: str = "vignettes", extra: str = "") -> RunConfig:
    block = f"{{name: clinic, format: {format}, path: {cases}{extra}}}"
    (tmp_path / "run.yaml").write_text(
        f"run_dir: {tmp_path / 'run'}\nmodel: {{base: {{path: tiny}}}}\n"
        f"data: {{sources: [{{name: builtin}}, {block}]}}\n"
    )
    return load_config(tmp_path / "run.yaml")


def test_the_file_is_short_and_the_line_is_one() -> None:
    assert len(FILE.splitlines()) < 40
    assert len(LINE.splitlines()) == 1


def test_settings_their_page_and_editors_know_it() -> None:
    fact = next(fact for fact in setting_facts() if fact.key == "data.sources.*.format")
    assert fact.kind.endswith(", hub, vignettes")
    blocks = config_schema()["properties"]["data"]["properties"]["sources"]
    assert '"vignettes"' in str(blocks).replace("'", '"')


def test_a_misspelt_name_is_refused_with_the_one_that_was_meant(
    tmp_path: Path, cases: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, cases, format="vignetes")
    (fault,) = caught.value.faults
    assert "data.sources.1.format: got 'vignetes', wanted one of builtin, " in fault
    assert fault.endswith("did you mean vignettes?")


def test_its_path_and_its_licence_are_held_when_the_config_is_read(
    tmp_path: Path, cases: Path
) -> None:
    with pytest.raises(ConfigError, match=r"vignettes needs a folder of \.txt files"):
        config(tmp_path, Path("''"))
    with pytest.raises(ConfigError, match=r"vignettes stands under CC-BY-4\.0"):
        config(tmp_path, cases, extra=", licence: MIT")


def test_check_finds_what_is_missing_or_wrong(tmp_path: Path, cases: Path) -> None:
    (cases / "3.txt").write_text("\nonly a reply")
    _, faults = read_rows(config(tmp_path, cases))
    assert faults == [f"{cases / '3.txt'}: empty request"]
    (fault,) = input_faults(config(tmp_path, tmp_path / "nowhere"))
    assert "data.sources 'clinic'" in fault
    assert "no such file or directory" in fault


def test_prep_writes_its_rows_under_its_terms_with_its_facts(tmp_path: Path, cases: Path) -> None:
    (tmp_path / "prep").mkdir()
    summary = prepare(config(tmp_path, cases).data, tmp_path / "prep", seed=0, evaluation_texts={})
    assert summary["sources"]["clinic"] == {"rows": 4, "answered": 4, "preferences": 0}
    assert "unknown" not in summary["restrictions"]
    card = (tmp_path / "prep" / "data_card.md").read_text()
    assert "questions and replies by three physicians of one clinic" in card


def test_a_suite_may_be_read_by_it(tmp_path: Path, cases: Path) -> None:
    (tmp_path / "cases.yaml").write_text(SUITE)
    prompts = load(str(tmp_path / "cases.yaml"), str(cases))
    assert text_of(prompts[0].prompt) == "How is croup told apart?"
    assert {(row.kind, row.suite, row.licence) for row in prompts} == {
        ("benign", "cases", "CC-BY-4.0")
    }


@pytest.mark.parametrize("name", [name for name in SOURCES if source_kind(name).known])
def test_the_page_on_data_states_the_licence_of_every_known_set(name: str) -> None:
    known = source_kind(name).known
    row = re.search(
        rf"^\| `{name}` \| ([^|]*) \| ([^|]*) \|$", (DOCS / "data.md").read_text(), re.M
    )
    assert known
    assert row
    assert row[1] == known.terms.licence
    assert (row[2] == "no") == (known.terms.use == "evaluation")
