"""The prompts a policy is measured on: fixed, spread, and read from the user's own files without
surprises.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from present import present

from eval.config import EvalConfig, SuiteConfig
from eval.suites.loading import held_out_suites, own_suites, read_suite, scoreboard_prompts
from records.errors import RecordError
from records.rows import Kind, Prompt, Split, text_of, user


def prompt(
    name: str,
    kind: Kind,
    suite: str,
    split: Split,
    twin: str | None = None,
    principle: int | None = None,
) -> Prompt:
    return Prompt(
        id=name,
        prompt=user(name),
        kind=kind,
        suite=suite,
        source="s",
        licence="MIT",
        split=split,
        twin_id=twin,
        principle=principle,
    )


@pytest.fixture
def prompts() -> list[Prompt]:
    rows = []
    for split in ("val", "test"):
        for k in range(36):
            name = f"{split}-p{k // 4 + 1}-{k:02}"
            rows.append(
                prompt(f"{name}-harmful", "harmful", "harmful", split, f"{name}-twin", k // 4 + 1)
            )
            rows.append(prompt(f"{name}-twin", "benign", "twins", split, f"{name}-harmful"))
        rows += [
            prompt(f"{split}-q{k:02}", "benign", "patient_questions", split) for k in range(20)
        ]
    return rows


def test_suites_hold_the_prompts_of_their_split_only(prompts: list[Prompt]) -> None:
    suites = held_out_suites(prompts, "test")
    assert {name: len(rows) for name, rows in suites.items()} == {
        "harmful": 36,
        "twins": 36,
        "patient_questions": 20,
    }
    assert all(p.split == "test" and p.suite == name for name, rows in suites.items() for p in rows)
    assert list(suites) == ["harmful", "twins", "patient_questions"]


def test_a_limited_suite_is_spread_and_its_twins_are_those_of_its_harmful_half(
    prompts: list[Prompt],
) -> None:
    suites = held_out_suites(prompts, "test", 9)
    assert [len(rows) for rows in suites.values()] == [9, 9, 9]
    assert sorted(present(p.principle) for p in suites["harmful"]) == list(range(1, 10))
    assert {p.twin_id for p in suites["twins"]} == {p.id for p in suites["harmful"]}


def test_twins_match_however_their_ids_sort(prompts: list[Prompt]) -> None:
    rows = [prompt(f"h{k}", "harmful", "harmful", "test", f"t{9 - k}") for k in range(10)]
    rows += [prompt(f"t{9 - k}", "benign", "twins", "test", f"h{k}") for k in range(10)]
    suites = held_out_suites(rows, "test", 4)
    assert {p.twin_id for p in suites["twins"]} == {p.id for p in suites["harmful"]}


def test_suites_do_not_depend_on_the_order_of_the_rows(prompts: list[Prompt]) -> None:
    assert held_out_suites(prompts[::-1], "test", 7) == held_out_suites(prompts, "test", 7)
    assert scoreboard_prompts(prompts[::-1], 9, 8) == scoreboard_prompts(prompts, 9, 8)


def test_scoreboard_prompts_come_from_val_spread_over_principles_half_the_benign_ones_twins(
    prompts: list[Prompt],
) -> None:
    chosen = scoreboard_prompts(prompts, 9, 8)
    harmful = [p for p in chosen if p.kind == "harmful"]
    benign = [p for p in chosen if p.kind == "benign"]
    assert {p.split for p in chosen} == {"val"}
    assert sorted(present(p.principle) for p in harmful) == list(range(1, 10))
    assert len(benign) == 8
    twins = [p for p in benign if p.twin_id]
    assert len(twins) == 4
    assert {p.twin_id for p in twins} <= {p.id for p in harmful}
    assert len({p.id for p in chosen}) == len(chosen)


def test_scoreboard_takes_what_there_is_where_there_is_less(prompts: list[Prompt]) -> None:
    no_questions = [p for p in prompts if p.suite != "patient_questions"]
    assert sum(p.kind == "benign" for p in scoreboard_prompts(no_questions, 9, 8)) == 8
    no_twins = [p for p in prompts if p.suite != "twins"]
    assert sum(p.kind == "benign" for p in scoreboard_prompts(no_twins, 9, 8)) == 8
    assert len(scoreboard_prompts(prompts, 1000, 1000)) == 36 + 36 + 20


def suite(path: Path | str, **fields: Any) -> SuiteConfig:
    return SuiteConfig(**{"name": "own", "path": str(path), **fields})


def write(tmp_path: Path, name: str, *rows: dict[str, Any] | str) -> Path:
    path = tmp_path / name
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows),
        encoding="utf-8",
    )
    return path


def test_a_suite_in_json_lines_or_csv_is_the_same(tmp_path: Path) -> None:
    lines = write(
        tmp_path, "s.jsonl", {"prompt": "One?"}, {"prompt": " Two, then? "}, {"prompt": "One?"}
    )
    table = write(tmp_path, "s.csv", "id,prompt", "1,One?", '2,"Two, then?"')
    assert {p.id for p in read_suite(suite(lines))} == {p.id for p in read_suite(suite(table))}
    assert sorted(text_of(p.prompt) for p in read_suite(suite(lines))) == ["One?", "Two, then?"]
    assert all(
        (p.split, p.kind, p.suite) == ("test", "benign", "own") for p in read_suite(suite(lines))
    )


def test_a_suite_in_trls_conversational_format_keeps_its_messages(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "One?"}]
    path = write(
        tmp_path, "s.jsonl", {"prompt": messages}, {"prompt": [{"role": "user", "content": "Two?"}]}
    )
    by_text = {text_of(p.prompt): p.prompt for p in read_suite(suite(path))}
    assert by_text == {"Be brief.\n\nOne?": messages, "Two?": user("Two?")}


@pytest.mark.parametrize(
    "value", [3, {"a": 1}, [], [{"role": "user"}], ["x"], [{"role": "assistant", "content": "x"}]]
)
def test_a_request_that_is_neither_text_nor_messages_is_named(
    tmp_path: Path, value: dict[str, int] | int | list[dict[str, str] | str]
) -> None:
    path = write(tmp_path, "s.jsonl", {"prompt": "One?"}, {"prompt": value})
    with pytest.raises(RecordError, match=r"s\.jsonl:2: "):
        read_suite(suite(path))


def test_a_limit_is_fixed(tmp_path: Path) -> None:
    path = write(tmp_path, "s.jsonl", *({"prompt": f"Question {k}?"} for k in range(30)))
    chosen = read_suite(suite(path, limit=5))
    assert len(chosen) == 5
    assert chosen == read_suite(suite(path, limit=5))


def test_a_row_without_the_field_is_named_with_the_fields_it_has(tmp_path: Path) -> None:
    path = write(tmp_path, "s.jsonl", {"prompt": "One?"}, {"Question": "Two?"}, {"prompt": "  "})
    with pytest.raises(RecordError) as caught:
        read_suite(suite(path))
    assert [fault.split(": ")[0] for fault in caught.value.faults] == [f"{path}:2", f"{path}:3"]
    assert "Question" in caught.value.faults[0]


def test_a_csv_row_with_too_many_cells_is_a_fault_not_a_crash(tmp_path: Path) -> None:
    path = write(tmp_path, "s.csv", "id,prompt", "1,,extra,more")
    with pytest.raises(RecordError, match=r"s\.csv:2"):
        read_suite(suite(path))


@pytest.mark.parametrize("name", ["s.csv", "s.jsonl"])
def test_a_suite_that_is_not_utf8_or_empty_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes('prompt\n"é"\n'.encode("latin-1"))
    with pytest.raises(RecordError, match=name.replace(".", r"\.")):
        read_suite(suite(path))
    path.write_text("prompt\n" if name.endswith("csv") else "")
    with pytest.raises(RecordError, match="has no rows"):
        read_suite(suite(path))


def test_all_faults_of_all_suites_come_at_once(tmp_path: Path) -> None:
    bad = write(tmp_path, "bad.jsonl", "{")
    config = EvalConfig(
        suites=[
            suite("/nowhere/a.jsonl", name="a"),
            suite(bad, name="b"),
            suite("/nowhere/c.csv", name="c"),
        ]
    )
    with pytest.raises(RecordError) as caught:
        own_suites(config)
    assert len(caught.value.faults) == 3


def test_an_optional_suite_that_is_not_there_is_left_out_aloud(tmp_path: Path) -> None:
    here = write(tmp_path, "s.jsonl", {"prompt": "One?"})
    suites, absent = own_suites(
        EvalConfig(suites=[suite("/nowhere/a.jsonl", name="a", optional=True), suite(here)])
    )
    assert list(suites) == ["own"]
    assert [str(suite) for suite in absent] == ["suite a left out: /nowhere/a.jsonl is not there"]
    assert (absent[0].suite, absent[0].optional) == ("a", True)


def test_two_suites_of_one_name_are_a_fault(tmp_path: Path) -> None:
    here = write(tmp_path, "s.jsonl", {"prompt": "One?"})
    with pytest.raises(RecordError, match=r"eval\.suites: .*own"):
        own_suites(EvalConfig(suites=[suite(here), suite(here)]))
