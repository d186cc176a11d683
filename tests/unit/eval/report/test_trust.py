"""The verdict says how good its instrument is, how much was cut, and what was not measured."""

from __future__ import annotations

from typing import Any

from typed_results import on_json
from whole_results import whole_results

from eval.report.trust import trust as _trust
from eval.report.verdict import verdict as _verdict

trust = on_json(_trust)
verdict = on_json(_verdict)

Json = dict[str, Any]


def test_the_verdict_ends_with_its_instrument_what_was_cut_and_what_is_not_measured(
    results: Json,
) -> None:
    kappa = {"mean": 0.42, "interval": [0.2, 0.61], "n": 90, "unscored": 0}
    found = {
        **results,
        "agreement": {"dpo": kappa},
        "suites_absent": [{"suite": "kqa", "optional": True, "reason": "no file"}],
    }
    said = verdict(found)
    assert said.endswith(trust(found))
    assert "agreement with people on them is unknown" in said
    agreed = "agree on this policy by a kappa of 0.42 (0.20 to 0.61, n 90)."
    assert f"It and the scorers that no training touched {agreed}" in said
    assert "of its completions to harmful prompts end at the token limit" in said
    assert "Not measured: medical capability, adversarial wrapping" in said
    assert "the suite kqa, and whether completions are correct." in said


def test_what_was_measured_is_not_named_as_missing(results: Json) -> None:
    said = trust(
        {
            **results,
            "people": whole_results()["people"],
            "capability": whole_results()["capability"],
        }
    )
    assert "Nobody has rated" not in said
    assert "medical capability" not in said
    assert "tampering with the weights" in said


def test_ranks_are_told_and_a_kappa_that_cannot_be_is_not_told_as_nought(results: Json) -> None:
    ranks = {"mean": 0.64, "interval": [0.51, 0.76], "n": 73, "unscored": 0}
    nothing = {"mean": None, "interval": [None, None], "n": 73, "unscored": 0}
    said = trust({**results, "agreement": {"dpo": nothing}, "rank_agreement": {"dpo": ranks}})
    assert "by a rank correlation of 0.64 (0.51 to 0.76, n 73); there is no kappa, since" in said
