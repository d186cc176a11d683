"""Limits on the share of faults stop the stage, and all that are exceeded are told."""

from __future__ import annotations

import pytest
from lint_corpus import Make

from data_prep.config import LintConfig
from data_prep.lint.linter import lint, require_fit, usable
from records.errors import RecordError
from reward.refusal.rule import refusal


def test_each_limit_that_is_exceeded_stops_the_stage_and_all_are_told(row: Make) -> None:
    rows = [
        row("a", "Q", "I'm sorry but no \ufffd"),
        row("b", "R", "I'm sorry but no"),
        row("c", "S", "Do it."),
        row("d", "T", "Do that."),
    ]
    report = lint(rows, LintConfig(), refuses=refusal)
    require_fit(
        report,
        LintConfig(
            min_rows=4,
            fail_above={
                "replacement_character": 0.25,
                "no_refusal": 0.5,
                "mojibake": 0,
                "length_bias": 0,
            },
        ),
    )
    with pytest.raises(RecordError) as caught:
        require_fit(
            report,
            LintConfig(
                min_rows=5,
                fail_above={"replacement_character": 0.2, "no_refusal": 0.4, "opening_share": 0.4},
            ),
        )
    assert [fault.split(":")[0][:21] for fault in caught.value.faults] == [
        "4 rows are left, data",
        "replacement_character",
        "no_refusal",
        "opening_share",
    ]
    assert (
        "0.25 over 4 rows (1 of made), data.lint.fail_above.replacement_character allows 0.2"
        in caught.value.faults[1]
    )


def test_dropped_rows_count_against_all_that_were_read(row: Make) -> None:
    rows = [
        row(
            f"{number}",
            f"Q{number}",
            "I cannot help.<|eot_id|>" if number < 2 else "I cannot help.",
        )
        for number in range(20)
    ]
    whole = usable(rows)
    report = lint(whole.rows, LintConfig(), left_out=whole.left_out)
    assert (report["sizes"]["special_token"], report["checked"]["special_token"]) == (0.1, 20)
    with pytest.raises(RecordError, match=r"special_token: 0\.1 over 20 rows"):
        require_fit(report, LintConfig(fail_above={"special_token": 0.05}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"fail_above": {"no_refusals": 0.1}},
            "no kind of fault is called no_refusals; did you mean no_refusal?",
        ),
        ({"fail_above": {"xyzzy": 0.1}}, "kinds are lone_surrogate, "),
        (
            {"fail_above": {"roles": -0.1}},
            "fail_above.roles: got -0.1, wanted a number from 0 to 100",
        ),
        ({"max_length_bias": -1.0}, "max_length_bias: got -1.0, wanted a number from 0 to 100"),
    ],
)
def test_a_wrong_limit_is_refused_with_what_to_write(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=r"data\.lint|LintConfig") as caught:
        LintConfig(**fields)  # type: ignore[arg-type]
    assert message in str(caught.value)
