"""The harness' own file says how completions were decoded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typed_results import typed
from whole_results import whole_results

from eval.exports.lm_eval import lm_eval_results


@pytest.mark.parametrize(
    ("generation", "wanted"),
    [
        (
            {"max_new_tokens": 48, "temperature": 0.0, "top_p": 1.0},
            {"max_gen_toks": 48, "do_sample": False},
        ),
        (
            {"max_new_tokens": 48, "temperature": 0.7, "top_p": 0.9},
            {"max_gen_toks": 48, "do_sample": True, "temperature": 0.7, "top_p": 0.9},
        ),
    ],
)
def test_drawn_completions_are_not_called_greedy(
    generation: dict[str, float], wanted: dict[str, object]
) -> None:
    results = replace(typed(whole_results()), provenance={"generation": generation})
    configs = lm_eval_results(results, next(iter(results.policies)))["configs"]
    assert configs
    assert all(config["generation_kwargs"] == wanted for config in configs.values())
