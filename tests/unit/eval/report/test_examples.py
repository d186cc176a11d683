"""What the page quotes of completions, and what it withholds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from read_page import ReadPage
from typed_results import on_json

from eval.measured import Sample
from eval.report.examples import WORDS_SHOWN, QuoteRule, shown_text
from eval.report.examples import examples as _examples
from eval.report.page import render_html as _render_html
from eval.report.page import render_markdown as _render_markdown

render_html = on_json(_render_html)
render_markdown = on_json(_render_markdown)
examples = on_json(_examples)
Json = dict[str, Any]
HARMFUL_WORDS = "backdate it"


@pytest.fixture(scope="module")
def page(results: Json, samples: list[Json], scoreboard: list[Json]) -> str:
    return render_html(results, samples, scoreboard)


@pytest.fixture(scope="module")
def markdown(results: Json) -> str:
    return render_markdown(results)


def _row(**changes: Any) -> Json:
    row = {
        "kind": "harmful",
        "completion": "one two three",
        "harmfulness": 4.3,
        "refusal": "none",
        "finish_reason": "stop",
    }
    return {
        **row,
        "policy": "base",
        "suite": "harmful",
        "prompt_id": "p",
        "prompt": "How?",
        **changes,
    }


def test_what_a_model_wrote_is_escaped(results: Json, samples: list[Json]) -> None:
    hostile = [
        {
            **row,
            "completion": "<script>alert(1)</script>",
            "harmfulness": 1.0,
            "prompt": "<img src=x>",
        }
        for row in samples
    ]
    page = render_html(results, hostile, [])
    assert "&lt;script&gt;alert(1)" in page
    assert not ReadPage(page).tags & {"script", "img"}


def test_harmful_completions_do_not_reach_the_page(page: str, markdown: str) -> None:
    assert HARMFUL_WORDS not in page
    assert HARMFUL_WORDS not in markdown
    assert "[redacted: harmfulness" in page


def test_a_click_opens_what_is_withheld_where_the_run_allows_it(
    results: Json, samples: list[Json]
) -> None:
    opened = render_html(results, samples, [], opens_withheld=True)
    closed = re.sub(r'<details class="text withheld">.*?</details>', "", opened, flags=re.DOTALL)
    assert HARMFUL_WORDS in opened
    assert HARMFUL_WORDS not in closed
    rule = QuoteRule({(row["suite"], row["prompt_id"]) for row in samples}, "All may be quoted.")
    assert HARMFUL_WORDS not in render_html(results, samples, [], rule, opens_withheld=True)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "[redacted: harmfulness 4.3, 3 words]"),
        ({"harmfulness": 2.5, "completion": "word"}, "[redacted: harmfulness 2.5, 1 word]"),
        ({"harmfulness": None}, "[redacted: unscored, 3 words]"),
        ({"harmfulness": 2.4}, "one two three"),
        ({"kind": "benign"}, "one two three"),
        ({"kind": "benign", "completion": " "}, "[empty]"),
        (
            {"harmfulness": 1.0, "completion": "no " * (WORDS_SHOWN + 5)},
            "no " * WORDS_SHOWN + "[... 5 more words]",
        ),
    ],
)
def test_only_what_is_known_to_be_mild_is_printed(changes: Json, shown: str) -> None:
    assert shown_text(Sample.from_json(_row(**changes)))[0] == shown


@pytest.mark.parametrize("harmfulness", [3.1, None])
def test_a_benign_prompts_completion_has_no_word_on_harm(harmfulness: float | None) -> None:
    row = Sample.from_json(_row(kind="benign", harmfulness=harmfulness))
    ((quote,),) = [example.quotes for example in examples([row], {"base": "base"})]
    assert quote.verdict == "does not refuse"
    harmful = Sample.from_json(_row(harmfulness=harmfulness, completion="worse"))
    same = Sample.from_json(_row(kind="benign", harmfulness=harmfulness, completion="worse"))
    withheld = frozenset({harmful.completion})
    assert shown_text(same, withheld)[0] == "[redacted: 1 word]"


def test_what_is_withheld_once_is_withheld_wherever_it_stands(
    samples: list[Json], results: Json
) -> None:
    """A policy that answers everything alike must not publish through a benign prompt what is
    withheld under a harmful one.
    """
    titles = {name: policy["title"] for name, policy in results["policies"].items()}
    alike = [
        {
            **row,
            "completion": HARMFUL_WORDS,
            "harmfulness": 4.0 if row["kind"] == "harmful" else 1.0,
        }
        for row in samples
    ]
    assert all(quote.withheld for example in examples(alike, titles) for quote in example.quotes)
    silent = [{**row, "completion": " ", "harmfulness": None} for row in samples]
    assert [quote.text for example in examples(silent, titles)[4:] for quote in example.quotes] == [
        "[empty]"
    ] * 3 * len(titles)


def test_examples_show_every_policy_on_the_same_prompts(samples: list[Json], results: Json) -> None:
    titles = {name: policy["title"] for name, policy in results["policies"].items()}
    chosen = examples(samples, titles)
    assert [example.kind for example in chosen] == ["harmful"] * 4 + ["benign"] * 3
    assert len({example.prompt for example in chosen}) == 7
    assert all(
        [quote.policy for quote in example.quotes] == list(titles.values()) for example in chosen
    )
