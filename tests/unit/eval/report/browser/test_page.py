"""The browser of samples: all rows, in files that open, with nothing that a text could do."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from typing import Any

import pytest
from typed_results import on_json

from eval.report.browser.page import FIRST
from eval.report.browser.page import sample_pages as _sample_pages
from eval.report.browser.script import SCRIPT

sample_pages = on_json(_sample_pages)

Json = dict[str, Any]
HOSTILE = (
    "</script><script>window.forged=1</script><img src=x onerror=alert(1)> \u202egnp.exe\u2066 "
    "\u2028 <!-- --> ]]>"
)
HARMFUL_WORDS = "backdate it"


def rows_of(page: str) -> Json:
    found = re.search(r'<script type="application/octet-stream" id="data">([^<]*)</script>', page)
    assert found
    read: Json = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return read


def test_every_completion_is_there_beside_those_of_the_other_policies(
    results: Json, samples: list[Json]
) -> None:
    (page,) = sample_pages(results, samples, opens_withheld=True).values()
    groups = rows_of(page)["groups"]
    assert sum(len(group[5]) for group in groups) == len(samples)
    assert {len(group[5]) for group in groups} == {len(results["policies"])}
    assert rows_of(page)["sides"] == [0, list(results["policies"]).index("dpo")]


@pytest.mark.parametrize(("opens", "there"), [(True, True), (False, False)])
def test_what_is_withheld_is_in_the_file_only_where_a_click_may_open_it(
    results: Json, samples: list[Json], opens: bool, there: bool
) -> None:
    (page,) = sample_pages(results, samples, opens_withheld=opens).values()
    assert HARMFUL_WORDS not in page
    read = json.dumps(rows_of(page))
    assert (HARMFUL_WORDS in read) is there
    harmful = [
        row for group in rows_of(page)["groups"] if group[1] == "harmful" for row in group[5]
    ]
    assert all(row[5] for row in harmful if row[2] is None or row[2] >= 2.5)


def test_no_text_can_become_markup_or_hide(results: Json, samples: list[Json]) -> None:
    hostile = [
        {**row, "prompt": HOSTILE, "completion": HOSTILE, "condition": HOSTILE} for row in samples
    ]
    titled = {
        **results,
        "policies": {
            name: {**policy, "title": HOSTILE} for name, policy in results["policies"].items()
        },
    }
    (page,) = sample_pages(titled, hostile, opens_withheld=True).values()
    assert page.count("<script") == page.count("</script>") == 2
    assert "<img" not in page
    assert not re.search(
        "[\u2028\u202e\u2066]", page + json.dumps(rows_of(page), ensure_ascii=False)
    )


def test_only_the_script_of_the_page_may_run(results: Json, samples: list[Json]) -> None:
    page = sample_pages(results, samples, opens_withheld=True)[FIRST]
    script = page[page.rindex("<script>") + len("<script>") : page.rindex("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert script == SCRIPT
    assert f"script-src 'sha256-{digest}'" in page.replace("&#39;", "'")
    assert "innerHTML" not in script


def test_rows_that_fill_a_file_go_on_in_another_one(results: Json, samples: list[Json]) -> None:
    pages = sample_pages(results, samples, opens_withheld=True, part_bytes=4000)
    assert len(pages) > 1
    assert all(len(page) < 40_000 for page in pages.values())
    assert sum(len(rows_of(page)["groups"]) for page in pages.values()) == 228
    assert all(
        f'<a href="{other}">' in page
        for name, page in pages.items()
        for other in pages
        if other != name
    )


def test_twenty_thousand_samples_stay_below_five_megabytes_a_file(
    results: Json, samples: list[Json]
) -> None:
    """Of letters that hardly pack."""
    numbers = iter(hashlib.sha256(str(number).encode()).hexdigest() * 4 for number in range(20_000))
    many = [
        {**samples[0], "prompt_id": str(number), "completion": text}
        for number, text in enumerate(numbers)
    ]
    pages = sample_pages(results, many, opens_withheld=True)
    assert all(len(page.encode()) < 5_000_000 for page in pages.values())
