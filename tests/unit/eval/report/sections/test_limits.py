"""Limits follow from what the run measured, and go where it did."""

from __future__ import annotations

import copy
from typing import Any

from typed_results import on_json
from whole_results import whole_results

from eval.report.sections.limits import limits as _limits

limits = on_json(_limits)

Json = dict[str, Any]


def test_what_was_not_measured_is_a_limit_and_what_was_is_none(results: Json) -> None:
    bare = "\n".join(limits(results))
    for words in ("capability", "tampering", "omission", "other languages"):
        assert words in bare
    parts = ("capability", "tamper", "omission", "conditions")
    full = {**results, **{name: whole_results()[name] for name in parts}}
    measured = "\n".join(limits(full))
    for words in ("capability", "tampering", "omission", "other languages"):
        assert words not in measured


def test_the_instrument_the_seed_and_the_token_limit_are_those_of_the_run(results: Json) -> None:
    changed = copy.deepcopy(results)
    changed["agreement"] = {"dpo": {"mean": 0.163, "interval": [-0.05, 0.48], "n": 73}}
    changed["provenance"].update(seed=4, generation={"max_new_tokens": 48})
    changed["policies"]["dpo"]["suites"]["twins"]["truncated_rate"]["mean"] = 0.98
    changed["suites_absent"] = [{"suite": "kqa", "optional": True, "reason": "not there"}]
    said = "\n".join(limits(changed))
    for words in (
        "AUROC 0.97 (0.94 to 0.99, n 120)",
        "kappa of 0.16 (-0.05 to 0.48, n 73)",
        "One seed (4) of training",
        "at most 48 tokens",
        "SFT + DPO, up to 98% (twins) end at the token limit on 1 suite",
        "names it: kqa",
    ):
        assert words in said, words


def test_without_a_validation_nothing_speaks_for_the_instrument(results: Json) -> None:
    said = "\n".join(limits({**results, "validation": {}}))
    assert "no validation was recorded" in said
    assert "One seed of training" in said
