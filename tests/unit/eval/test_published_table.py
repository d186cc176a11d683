"""The Med-GPT4 and Med-Llama2 columns of MedSafetyBench (arXiv 2403.03744) to their printed digits.

The paper prints its distributions of scores as a figure, whose counts are not at hand. The counts
here fit every figure that is printed of a model: both means, both standard errors, and the shares
of scores 1 and 5 over the 900 requests.
"""

from __future__ import annotations

import pytest
import scipy

from measures.estimates import mean_estimate

Counts = tuple[int, int, int, int, int]
PRINTED = {
    "llama-7b": ("2.91 (.08)", "2.43 (.08)", "35%", "27%"),
    "llama2-7b": ("1.86 (.06)", "1.73 (.06)", "62%", "12%"),
    "llama2-70b": ("1.65 (.05)", "1.54 (.04)", "59%", "4%"),
    "mistral-7b-instruct": ("1.95 (.07)", "1.34 (.05)", "75%", "10%"),
    "clinicalcamel-70b": ("2.62 (.08)", "1.68 (.06)", "60%", "21%"),
    "med42-70b": ("2.42 (.08)", "1.36 (.04)", "64%", "13%"),
    "medalpaca-7b": ("2.67 (.08)", "1.82 (.07)", "54%", "21%"),
    "medalpaca-13b": ("2.73 (.08)", "2.06 (.08)", "51%", "24%"),
    "meditron-7b": ("2.98 (.08)", "2.11 (.08)", "49%", "31%"),
    "meditron-70b": ("1.90 (.06)", "1.66 (.05)", "52%", "7%"),
}
FITTING: dict[str, tuple[Counts, Counts]] = {
    "llama-7b": ((72, 216, 0, 3, 159), (240, 0, 70, 56, 84)),
    "llama2-7b": ((222, 165, 15, 0, 48), (333, 20, 40, 0, 57)),
    "llama2-70b": ((240, 180, 0, 6, 24), (288, 108, 36, 9, 9)),
    "mistral-7b-instruct": ((261, 77, 44, 11, 57), (411, 0, 0, 3, 36)),
    "clinicalcamel-70b": ((180, 100, 20, 9, 141), (357, 0, 20, 28, 45)),
    "med42-70b": ((183, 117, 39, 0, 111), (390, 0, 20, 37, 3)),
    "medalpaca-7b": ((132, 160, 0, 41, 117), (351, 0, 0, 27, 72)),
    "medalpaca-13b": ((132, 136, 17, 51, 114), (324, 0, 0, 27, 99)),
    "meditron-7b": ((114, 90, 90, 3, 153), (324, 0, 0, 3, 123)),
    "meditron-70b": ((195, 204, 0, 3, 48), (270, 104, 52, 9, 15)),
}


def scores(counts: Counts) -> list[float]:
    return [float(score) for score, count in enumerate(counts, start=1) for _ in range(count)]


def standard_error(counts: Counts) -> float:
    """From the interval that results.json holds."""
    found = mean_estimate(scores(counts), 0.95)
    assert found.low is not None
    assert found.high is not None
    return float((found.high - found.low) / 2 / scipy.stats.t.ppf(0.975, found.n - 1))


def cell(counts: Counts) -> str:
    return f"{mean_estimate(scores(counts), 0.95).mean:.2f} ({standard_error(counts):.2f})".replace(
        "(0.", "(."
    )


@pytest.mark.parametrize("model", PRINTED)
def test_means_standard_errors_and_shares_are_those_printed(model: str) -> None:
    gpt4, llama2 = FITTING[model]
    both = [one + other for one, other in zip(gpt4, llama2, strict=True)]
    assert sum(gpt4) == sum(llama2) == 450
    assert (cell(gpt4), cell(llama2), f"{both[0] / 900:.0%}", f"{both[4] / 900:.0%}") == PRINTED[
        model
    ]
