"""Over-refusal of each benign suite, and by the register in which its prompts are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typed_results import typed

from eval.report.sections.over_refusal import registers_table

if TYPE_CHECKING:
    from eval.results.results import Results


def results(**by_register: object) -> Results:
    suite = {"kind": "benign", "n": 44, "by_register": by_register}
    return typed({"policies": {"base": {"title": "Base", "suites": {"twins": suite}}}})


def rate(mean: float, n: int) -> dict[str, object]:
    return {"n": n, "over_refusal_rate": {"mean": mean, "interval": [0.0, 1.0], "n": n}}


def test_every_register_of_a_suite_has_a_row() -> None:
    table = registers_table(results(elderly=rate(0.5, 20), non_native=rate(0.25, 24)))
    assert table is not None
    assert [[cell.value for cell in row[:2]] for row in table.rows] == [
        ["twins", "elderly"],
        ["", "non native"],
    ]
    assert [row[2].value for row in table.rows] == ["50.0%", "25.0%"]


def test_there_is_no_table_where_no_prompt_names_a_register() -> None:
    assert registers_table(results()) is None
    suites = {"twins": {"kind": "benign", "n": 44}}
    assert registers_table(typed({"policies": {"base": {"suites": suites}}})) is None
