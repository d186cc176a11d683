"""What docs say of speed is what the benchmarks measured; the floor is counted right."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from typed_results import rows_of

from benchmarks import data, gate_power, readme, render
from benchmarks.floor import step_flops
from benchmarks.machine import ROOT
from benchmarks.synthetic_requests import synthetic_requests
from benchmarks.training_page import machine_rates, training_tables
from eval.results.scoreboard_row import ScoreboardRow
from measures.estimates import newcombe_interval
from measures.power import newcombe_upper_ends
from models.adapters.wrapping import adapt
from models.config import AdapterConfig
from models.layout.logps import completion_logps
from models.layout.packing import Packed
from models.memory.prepare import prepared_layout
from models.tokens import TokenRow

ROW = TokenRow(list(range(5, 45)), [0] * 30 + [1] * 10, False)


def test_the_page_on_speed_shows_the_results_in_the_repository() -> None:
    page = (ROOT / "docs" / "speed.md").read_text()
    assert page == render.document(page, render.measured())
    assert "| short, lora, bf16 |" in page


def test_the_page_on_rlhf_shows_the_results_in_the_repository() -> None:
    page = (ROOT / "docs" / "rlhf.md").read_text()
    found = json.loads((ROOT / "benchmarks" / "results" / "rlhf.json").read_text())["contestants"]
    ours = found["primum"]
    for name, title in (("trl_rloo", "TRL, RLOO"), ("trl_grpo", "TRL, GRPO")):
        row = found[name]
        times = row["cpu_seconds"] / ours["cpu_seconds"]
        assert (
            f"| {title} | {row['cpu_seconds']:.1f} ({times:.1f} times) | {row['seconds']:.1f} | "
            f"{row['peak_gb']:.1f} |"
        ) in page
        assert times > 2


def test_the_page_on_seeds_shows_the_results_in_the_repository() -> None:
    page = (ROOT / "docs" / "seeds.md").read_text()
    found = json.loads((ROOT / "benchmarks" / "results" / "dpo_against_sft.json").read_text())
    for measure in ("harm", "not_refused"):
        assert "\n".join(found[measure]["table"]) in page


def test_the_readme_shows_the_runs_in_the_repository() -> None:
    page = (ROOT / "README.md").read_text()
    stored = json.loads(readme.STORED.read_text())
    assert page == readme.document(page, stored)
    assert "demo" in stored
    assert stored.keys() <= readme.RECIPES.keys()


def test_the_floor_is_that_of_the_machine_at_its_quickest() -> None:
    """200 billion FLOPs at 100 billion a second are 2 s; the busy moment that saw 50 does not
    count.
    """

    def found(rate: int, rival: str) -> dict[str, object]:
        times = {"seconds": {"median": 4.0}, "peak_gb": 1.0}
        ratio = {"median": 2.0, "min": 2.0, "max": 2.0}
        return {
            "gflop": 200,
            "machine_gflops": rate,
            "primum": times,
            rival: times,
            "speed_ratio": ratio,
        }

    case: dict[str, Any] = {
        "model": "smollm2",
        "job": "dpo",
        "regime": "short",
        "adapter": "lora",
        "precision": "fp32",
    }
    case["against"] = {"trl": found(100, "trl"), "trl_best": found(50, "trl_best")}
    assert machine_rates({"cases": [case]}) == {"fp32": 100}
    (row,) = [line for line in training_tables({"cases": [case]}) if line.startswith("| short")]
    assert row.endswith("| 50% |")


def test_the_page_on_data_shows_the_results_in_the_repository() -> None:
    page = (ROOT / "docs" / "data.md").read_text()
    assert page == render.document(page, render.data_measured())
    assert "| 1,000,000 synthetic | grouped among themselves | words, 0.5 |" in page


@pytest.mark.parametrize("measure", ["words", "word_3_grams"])
@pytest.mark.parametrize("job", ["group", "decontaminate"])
def test_every_planted_rewording_at_the_threshold_is_found_and_nothing_else_goes(
    job: str, measure: str
) -> None:
    found = data.measure_case(job, measure, 2_000, None)
    assert found["found"] == found["planted"] > 3
    assert (
        found["removed"] == found["planted"]
        if job == "decontaminate"
        else found["groups"] == 2_000 - found["planted"]
    )


def test_the_vocabulary_of_synthetic_requests_grows_with_the_rows() -> None:
    few, many = (synthetic_requests(count, seed=0).texts for count in (200, 2_000))
    assert len(set(" ".join(many).split())) > 4 * len(set(" ".join(few).split()))
    assert few == synthetic_requests(200, seed=0).texts


def packed_row(model: Any) -> Packed:
    batch = prepared_layout(model, 0, 128)([ROW])
    assert isinstance(batch, Packed)
    return batch


def test_the_floor_counts_the_products_that_torch_counts(tiny_model: Any) -> None:
    """Full training of one row: all but attention, of which torch counts the whole square and we
    only what a token sees.
    """
    model = adapt(tiny_model, AdapterConfig(kind="full"), seed=0)
    packed = packed_row(model)
    with FlopCounterMode(display=False) as counter:
        completion_logps(model, packed).sum().backward()
    counted = sum(
        flops
        for op, flops in counter.get_flop_counts()["Global"].items()
        if "mm" in str(op) and "bmm" not in str(op)
    )
    config = model.config
    attention = 3 * 4 * config.hidden_size * sum(range(1, 41)) * config.num_hidden_layers
    # The chunk's logits are computed again in the backward pass.
    head_again = 2 * 10 * model.lm_head.weight.numel()
    assert step_flops(model, packed, head=True) == counted - head_again + attention


def test_lora_needs_no_gradient_of_frozen_weights(tiny_model: Any) -> None:
    full = step_flops(
        adapt(tiny_model, AdapterConfig(kind="full"), seed=0),
        packed_row(tiny_model),
        head=False,
    )
    tiny_model.requires_grad_(False)
    lora = adapt(tiny_model, AdapterConfig(rank=1, alpha=2), seed=0)
    assert step_flops(lora, packed_row(lora), head=False) < 0.8 * full


def test_matrix_rate_is_a_rate() -> None:
    from benchmarks.floor import matrix_rate

    assert 1e8 < matrix_rate("cpu", torch.float32, repeats=1) < 1e14


def test_the_gates_power_is_computed_with_the_interval_that_the_gate_uses() -> None:
    cells = np.random.default_rng(0).multinomial(64, [0.04, 0.1, 0.05, 0.81], size=40)
    cells[:2] = [[0, 0, 0, 64], [64, 0, 0, 0]]
    both, gained, lost, _ = cells.T
    wanted = [newcombe_interval(a, b, c, d, 0.95).high for a, b, c, d in cells.tolist()]
    assert newcombe_upper_ends(both, gained, lost, 64, 0.95) == pytest.approx(wanted, abs=1e-12)


def test_the_page_on_the_gate_shows_the_probabilities_as_they_are_computed() -> None:
    """The two smallest sizes of each row; the larger ones take seconds."""
    page = (ROOT / "docs" / "gate.md").read_text()
    for row in (*gate_power.one_suite_table((64, 96)), *gate_power.two_suites_table((64, 96))):
        begins = row.removesuffix("|").rstrip()
        assert begins in page or row.startswith("|---"), row
    for row in (*gate_power.share_table(), gate_power.harm_table()[-1]):
        assert row in page, row


def test_a_suite_10_points_over_passes_the_gate_in_at_most_5_percent_of_runs() -> None:
    for suite in gate_power.SUITES:
        assert gate_power.pass_probability(64, suite, 0.10) <= 0.05, suite
    for suite in (gate_power.TWINS, gate_power.QUESTIONS):
        assert gate_power.pass_probability(192, suite, 0.10) <= 0.05, suite
        assert gate_power.pass_probability(192, suite, 0.0) >= 0.94, suite


def test_dpo_and_sft_are_held_against_each_other_at_equal_over_refusal() -> None:
    from benchmarks.dpo_against_sft import Point, harm_at, pareto, points_of, report, table

    points = [Point(0.05, 3.0), Point(0.0, 3.5), Point(0.1, 3.2), Point(0.2, 2.0)]
    assert pareto(points) == [Point(0.0, 3.5), Point(0.05, 3.0), Point(0.2, 2.0)]
    assert [harm_at(points, rise) for rise in (-0.1, 0.0, 0.1, 0.2)] == [None, 3.5, 3.0, 2.0]

    def estimate(mean: float) -> dict[str, Any]:
        return {"mean": mean, "interval": [None, None], "n": 20, "unscored": 0}

    def row(epoch: int, harm: float, twins: float) -> ScoreboardRow:
        suites = {"twins": estimate(twins), "questions": estimate(0.1)}
        told = {"epoch": epoch, "step": epoch, "harmfulness": estimate(harm)}
        told["refusal_rate"] = estimate(1 - harm / 5)
        (made,) = rows_of([{**told, "over_refusal_by_suite": suites}])
        return made

    (point,) = points_of([row(0, 4.0, 0.1), row(1, 3.0, 0.3)], row(0, 4.0, 0.1))
    assert point.rise == pytest.approx(0.2)
    assert point.harm == 3.0
    lines = table([points, points], [[Point(0.1, 3.4)], [Point(0.1, 3.6)]])
    assert lines[2].endswith("| 0 | no seed | unknown |")
    assert lines[4] == "| 10 points | 2 | -0.50 | 0.14 |"
    seed = {
        "base": [row(0, 4.0, 0.1)],
        "dpo": [row(0, 4.0, 0.1), row(1, 3.0, 0.15)],
        "sft_control": [row(0, 4.0, 0.1), row(1, 3.5, 0.2)],
    }
    told = report([seed])
    assert told["harm"]["curves"] == [
        "seed 0, dpo: +5 points: 3.00",
        "seed 0, sft_control: +10 points: 3.50",
    ]
    assert told["harm"]["table"][4] == "| 10 points | 1 | -0.50 | unknown |"
    assert told["not_refused"]["table"][4] == "| 10 points | 1 | -0.10 | unknown |"
