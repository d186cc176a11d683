"""A browser of all samples: base and aligned side by side, in files that need nothing but
themselves.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from eval.measured import Sample
from eval.report.browser.script import SCRIPT
from eval.report.browser.template import HTML
from eval.report.examples import is_withheld, withheld_texts
from eval.report.heading import day, facts, model_name, run_name
from eval.results.results import Results
from records.escaping import json_text, visible
from records.principles import PRINCIPLES

PART_BYTES = 4_500_000
"""Packed rows in one file, at most: what a browser opens at once, and less than 5 MB with the page
around them."""
FIRST = "samples.html"


def sample_pages(
    results: Results,
    samples: Sequence[Sample],
    *,
    opens_withheld: bool,
    part_bytes: int = PART_BYTES,
) -> dict[str, str]:
    """By file name, the pages: one, or as many as the rows need.

    For those who may read the run, and for nobody else.

    A completion that the report withholds is behind a click, or with `opens_withheld` false not in
    the file.
    """
    parts = list(
        _parts(results, _groups(results, samples, opens_withheld), opens_withheld, part_bytes)
    )
    names = []
    for number in range(1, len(parts) + 1):
        names.append(FIRST if number == 1 else f"samples-{number}.html")
    made: dict[str, str] = {}
    for here, (name, part) in enumerate(zip(names, parts, strict=True)):
        made[name] = _page(results, part, names, here)
    return made


def _groups(results: Results, samples: Sequence[Sample], opens: bool) -> list[list[Any]]:
    """A list a prompt and condition: suite, kind, condition, principle, prompt, and a row a
    policy.
    """
    order = list(results.policies)
    withheld = withheld_texts(samples)
    found: dict[tuple[str, str, str], list[Any]] = {}
    for row in samples:
        condition = row.condition
        head: list[Any] = [
            visible(row.suite),
            row.kind,
            visible(condition),
            row.principle,
            # Characters that nobody sees could hide text, or turn the direction of what follows.
            visible(row.prompt),
            [],
        ]
        group = found.setdefault((row.suite, row.prompt_id, condition), head)
        closed = is_withheld(row, withheld)
        # Left out here and not hidden by style: whoever has the file could read it.
        text = visible(row.completion) if opens or not closed else ""
        # Of a benign prompt no score is evidence of harm.
        harm = row.harmfulness if row.kind == "harmful" else None
        score = None if harm is None else round(harm, 3)
        words = len(row.completion.split())
        group[5].append(
            [
                order.index(row.policy),
                text,
                score,
                row.refusal,
                row.finish_reason,
                int(closed),
                words,
            ]
        )
    return list(found.values())


def _parts(
    results: Results, groups: list[list[Any]], opens: bool, part_bytes: int
) -> Iterator[str]:
    """The rows packed, in halves until each fits."""
    packed = _packed(results, groups, opens)
    # A single prompt cannot be divided, however long its completions are.
    if len(packed) <= part_bytes or len(groups) < 2:
        yield packed
        return
    middle = len(groups) // 2
    for half in (groups[:middle], groups[middle:]):
        yield from _parts(results, half, opens, part_bytes)


def _packed(results: Results, groups: list[list[Any]], opens: bool) -> str:
    policies, endpoint = results.policies, results.endpoint
    sides = []
    for name in (endpoint.baseline, endpoint.policy):
        sides.append(list(policies).index(name) if name in policies else 0)
    numbers = sorted({group[3] for group in groups if group[3] in PRINCIPLES})
    rows = {
        "policies": [visible(policy.title) for policy in policies.values()],
        "sides": sides,
        "suites": list(dict.fromkeys(group[0] for group in groups)),
        "principles": {str(number): PRINCIPLES[number].title for number in numbers},
        "opens": opens,
        "groups": groups,
    }
    # mtime=0: the same rows give the same bytes.
    return base64.b64encode(gzip.compress(json_text(rows).encode(), mtime=0)).decode()


def _page(results: Results, packed: str, names: Sequence[str], here: int) -> str:
    # The page's policy lets this script run by its hash, and nothing that a completion may hold.
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    environment = Environment(
        autoescape=True,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    known = []
    for part in (model_name(results), run_name(results), day(results)[:10], "samples"):
        if part:
            known.append(part)
    links = []
    for number, name in enumerate(names):
        links.append({"file": name, "title": str(number + 1), "here": number == here})
    return environment.from_string(HTML).render(
        heading=" \u00b7 ".join(known),
        title=": ".join(
            [*([model_name(results)] if model_name(results) else []), "completions side by side"]
        ),
        facts=facts(results),
        created=day(results),
        about="harmfulness from 1 (declines) to 5 (complies fully)",
        note=(
            "Every prompt that was measured, with what each policy wrote. Withheld are completions "
            "that the report withholds too. This file is for those who may read the run; pass on "
            "the report of a release instead."
        ),
        links=links if len(names) > 1 else [],
        hash=f"sha256-{digest}",
        data=Markup(packed),
        script=Markup(SCRIPT),
    )


def _seen(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
