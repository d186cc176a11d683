"""Every suite is one YAML file; each loader reads a small set of our own in the shape of the
published one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from present import present
from published_suites import (
    FIXTURES,
    harmbench,
    jailbreakbench,
    kqa_must_haves,
    medsafetybench,
    nurvalues,
    table,
    xstest,
)

from eval.config import EvalConfig, SuiteConfig
from eval.suites.definition import read_definition
from eval.suites.loading import own_suites
from eval.suites.registry import definition, load, names
from records.errors import RecordError
from records.rows import SuitePrompt, text_of

DOCS = Path(__file__).parents[4] / "docs" / "adding_a_suite.md"
PACKAGED = {"primum", "primum_benign", "alarming_benign", "red_flags", "worded_alike"}


@pytest.mark.parametrize("make", FIXTURES, ids=lambda make: make.__name__)
def test_a_suite_reads_rows_in_its_published_shape(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path)
    prompts = load(make.__name__, str(tmp_path))
    assert Counter((p.suite, p.kind) for p in prompts) == FIXTURES[make]
    assert {p.split for p in prompts} == {"test"}
    assert all(text_of(p.prompt) and p.licence for p in prompts)


def test_every_suite_has_a_fixture_or_comes_with_primum() -> None:
    assert set(names()) == {make.__name__ for make in FIXTURES} | PACKAGED


@pytest.mark.parametrize("name", names())
def test_every_description_names_licence_and_citation_and_is_short(name: str) -> None:
    suite = definition(name)
    assert suite.name == name
    assert suite.licence
    assert suite.citation
    path = DOCS.parent.parent / "eval" / "suites" / f"{name}.yaml"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 40


def test_pairs_worded_alike_are_twins_of_each_other() -> None:
    prompts = {prompt.id: prompt for prompt in load("worded_alike")}
    assert Counter(p.suite for p in prompts.values()) == {
        "worded_alike_harmful": 73,
        "worded_alike_benign": 73,
    }
    for prompt in prompts.values():
        twin = prompts[present(prompt.twin_id)]
        assert twin.twin_id == prompt.id
        assert twin.kind != prompt.kind


def test_packaged_suites_need_no_path_and_are_large_enough() -> None:
    assert len(load("alarming_benign")) >= 40
    assert len(load("red_flags")) >= 60
    assert {act for p in load("red_flags") for act in p.expected.split()} == {
        "urgent_care",
        "stop_drug",
        "poison_line",
        "do_not_wait",
    }


def test_statements_stay_apart(tmp_path: Path) -> None:
    kqa_must_haves(tmp_path)
    (prompt,) = load("kqa_must_haves", str(tmp_path))
    assert prompt.expected == "It is contagious\nWash your hands"


def test_principles_and_generators_of_medsafetybench_stay_with_their_rows(tmp_path: Path) -> None:
    medsafetybench(tmp_path)
    rows = load("medsafetybench", str(tmp_path))
    assert {(p.principle, p.generator) for p in rows} == {
        (1, "gpt4"),
        (2, "gpt4"),
        (1, "llama2"),
        (2, "llama2"),
    }


def test_medsafetybench_without_its_test_rows_is_refused_since_its_other_rows_are_trained_on(
    tmp_path: Path,
) -> None:
    medsafetybench(tmp_path)
    (tmp_path / "test").rename(tmp_path / "train")
    with pytest.raises(RecordError, match=r"holds no test rows, only train"):
        load("medsafetybench", str(tmp_path))


def test_twins_of_a_table_name_each_other_also_under_a_limit(tmp_path: Path) -> None:
    jailbreakbench(tmp_path)
    rows = load("jailbreakbench", str(tmp_path), limit=2)
    by_id = {p.id: p for p in rows}
    assert len(rows) == 4
    twins = [(p, by_id[present(p.twin_id)]) for p in rows]
    assert all(twin.twin_id == p.id and twin.kind != p.kind for p, twin in twins)


def test_counterfactuals_of_nurvalues_stay_together_under_a_limit_and_know_their_label(
    tmp_path: Path,
) -> None:
    nurvalues(tmp_path)
    rows = load("nurvalues", str(tmp_path), limit=2)
    assert Counter(p.suite for p in rows) == {"nurvalues_easy": 2, "nurvalues_hard": 2}
    by_id = {p.id: p for p in rows}
    twins = [(p, by_id[present(p.twin_id)]) for p in rows]
    assert all({p.expected, twin.expected} == {"aligns", "does_not_align"} for p, twin in twins)


def paired(rows: Path, *, pairs: int, single: int) -> Path:
    """A suite of so many pairs of two prompts and so many prompts of their own."""
    pair_of = [number // 2 for number in range(2 * pairs)] + [""] * single
    lines = [f"{number},question {number},{pair}" for number, pair in enumerate(pair_of)]
    (rows / "rows.csv").write_text("id,text,pair\n" + "\n".join(lines) + "\n", encoding="utf-8")
    described = {
        "name": "paired",
        "title": "Prompts, some in pairs",
        "prompts": {
            "format": "table",
            "files": ["rows.csv"],
            "template": "{text}",
            "columns": {"id": "id", "pair": "pair"},
        },
        "kind": "benign",
        "scorers": ["refusal"],
        "metrics": ["over_refusal_rate"],
        "licence": "MIT",
        "citation": "none",
    }
    path = rows / "paired.yaml"
    path.write_text(yaml.safe_dump(described), encoding="utf-8")
    return path


def test_a_limit_counts_prompts_though_some_stand_in_pairs(tmp_path: Path) -> None:
    suite = paired(tmp_path, pairs=1, single=98)
    assert len(load(str(suite), str(tmp_path), limit=50)) in (49, 50)
    assert len(load(str(suite), str(tmp_path), limit=100)) == 100


def test_pairs_alone_are_taken_as_ever(tmp_path: Path) -> None:
    suite = paired(tmp_path, pairs=20, single=0)
    assert [row.id for row in load(str(suite), str(tmp_path), limit=7)] == [
        load(str(suite), str(tmp_path))[place].id for place in (0, 1, 12, 13, 26, 27)
    ]


def test_a_limit_too_small_for_a_pair_is_refused(tmp_path: Path) -> None:
    suite = paired(tmp_path, pairs=20, single=0)
    with pytest.raises(RecordError, match=r"limit 1 takes none of its 40 prompts.*up to 2"):
        load(str(suite), str(tmp_path), limit=1)


@pytest.mark.parametrize("gate", [1, 0, "true", None])
def test_a_gate_that_is_neither_true_nor_false_is_refused(tmp_path: Path, gate: object) -> None:
    path = paired(tmp_path, pairs=1, single=1)
    described = {**yaml.safe_load(path.read_text(encoding="utf-8")), "gate": gate}
    path.write_text(yaml.safe_dump(described), encoding="utf-8")
    with pytest.raises(RecordError, match=r"gate: got .*, wanted true or false"):
        read_definition(path)


def test_context_stands_before_the_behaviour_and_nothing_stands_where_there_is_none(
    tmp_path: Path,
) -> None:
    harmbench(tmp_path)
    assert {text_of(p.prompt) for p in load("harmbench", str(tmp_path))} == {
        "Wish one",
        "Some context.\n\nWish two",
    }


def test_the_example_of_the_docs_is_a_suite_of_under_40_lines(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    assert len(blocks[0].splitlines()) < 40
    path = tmp_path / "night_shift.yaml"
    path.write_text(blocks[0], encoding="utf-8")
    wards = ("surgery", "kitchen")
    rows = [
        {"number": f"n{k}", "question": "Who is on call?", "ward": w} for k, w in enumerate(wards)
    ]
    data = table(tmp_path, "night_shift.csv", *rows)
    (prompt,) = load(str(path), str(data))
    assert (prompt.id, prompt.topic, text_of(prompt.prompt)) == (
        "n0",
        "surgery",
        "Ward: surgery. Who is on call?",
    )
    named = yaml.safe_load(blocks[1])["eval"]["suites"]
    assert [SuiteConfig(**row).called for row in named] == [
        "night_shift",
        "xstest",
        "alarming_benign",
        "kqa",
    ]


def test_a_described_suite_is_measured_by_part_beside_a_plain_one_and_may_be_absent(
    tmp_path: Path,
) -> None:
    xstest(tmp_path)
    described = SuiteConfig(suite="xstest", path=str(tmp_path), name="over")
    absent = SuiteConfig(suite="harmbench", path=str(tmp_path / "none"), optional=True)
    suites, missing = own_suites(
        EvalConfig(suites=[described, absent, SuiteConfig(suite="red_flags", limit=5)])
    )
    assert {name: len(rows) for name, rows in suites.items()} == {
        "over_safe": 1,
        "over_unsafe": 1,
        "red_flags": 5,
    }
    assert [suite.suite for suite in missing] == ["harmbench"]


FAULTS = {
    "an unknown key": ("kind: benign", "kindd: benign", r"did you mean kind\?"),
    "an unknown scorer": ("[refusal, factors]", "[refusal, factor]", "scorers: got 'factor'"),
    "a metric of the other kind": (
        "[over_refusal_rate, relevance]",
        "[harmfulness]",
        "harmfulness is not defined for benign",
    ),
    "no licence": ("licence: CC-BY-4.0", "licence:", "no licence"),
    "no template": ('  template: "Ward: {ward}. {question}"\n', "", "needs a template"),
    "acts without a column": ("[refusal, factors]", "[omission]", "need prompts.expected"),
    "expected without its column": (
        "format: table",
        "format: table\n  expected: {values: {a: b}}",
        "prompts.expected: needs column",
    ),
    "a table's keys on a reader": ("format: table", "format: kqa", "are for format table"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_in_a_description_is_told_with_its_file(tmp_path: Path, fault: str) -> None:
    block = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)[0]
    old, new, said = FAULTS[fault]
    assert old in block
    path = tmp_path / "s.yaml"
    path.write_text(block.replace(old, new), encoding="utf-8")
    with pytest.raises(RecordError, match=said) as caught:
        read_definition(path)
    assert str(path) in str(caught.value)


def test_a_suite_that_is_not_known_and_one_without_its_path_say_what_to_do() -> None:
    with pytest.raises(RecordError, match=r"no suite is called 'xtest'; did you mean xstest\?"):
        load("xtest", "/nowhere")
    with pytest.raises(RecordError, match="suite 'harmbench' needs the path of its files"):
        load("harmbench")


def test_all_faulty_rows_of_a_table_come_at_once(tmp_path: Path) -> None:
    table(
        tmp_path,
        "strongreject_dataset.csv",
        *({"category": "c", "forbidden_prompt": text} for text in ("", "Fine?", " ")),
    )
    with pytest.raises(RecordError) as caught:
        load("strongreject", str(tmp_path))
    assert [fault.rpartition(":")[2] for fault in caught.value.faults] == [" empty request"] * 2


def test_our_own_suites_ask_nothing_that_a_run_trains_on() -> None:
    def words(prompt: SuitePrompt) -> set[str]:
        return set(re.findall(r"\w+", text_of(prompt.prompt).lower()))

    trained = [words(p) for p in load("primum")]
    for prompt in [*load("alarming_benign"), *load("red_flags")]:
        mine = words(prompt)
        assert max(len(mine & other) / len(mine | other) for other in trained) < 0.5, text_of(
            prompt.prompt
        )
