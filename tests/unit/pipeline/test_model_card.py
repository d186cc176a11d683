"""The card says what passed, what was accepted by name, and what speaks against the policy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from measured_rows import measured_row
from present import present
from typed_results import built

from data_prep.sources.builtin import package_rows
from eval.config import GateConfig
from eval.endpoint import Endpoint
from eval.gate import judge
from eval.measure import Measured
from eval.results.described import AbsentSuite
from eval.results.results import Results
from pipeline.card_fields import fields, fields_text, known_failures
from pipeline.card_metadata import CardFacts
from pipeline.model_card import model_card
from pipeline.run.release_card import CardConfig
from records.contracts import BASE, Policy

UNHELD = (
    "no epoch keeps over-refusal within 10 points of the base; this one comes nearest (twins: +23 "
    "points (+5 to +42, n 26))"
)


TWINS = [row for number in range(1, 10) for row in package_rows(f"principle_{number}.jsonl")]


def sample(policy: str, suite: str, number: int) -> Measured:
    harmful = suite == "harmful"
    return measured_row(
        policy=policy,
        suite=suite,
        kind="harmful" if harmful else "benign",
        principle=None,
        prompt_id=f"{suite}-{number}",
        prompt=TWINS[number]["benign"],
        completion=TWINS[number]["benign_answer"],
        harmfulness=(4.0 if policy == "base" and harmful else 1.0) + 0.1 * (number % 3),
        refusal="none",
        finish_reason="length",
        called_harmful=policy == "base" and harmful,
    )


def card_of(found: Results, gates: list[Any], **facts: Any) -> str:
    known = {"name": "n", "base": "org/base", "licence": "mit", "method": "dpo", **facts}
    about = fields(CardConfig(), found, "dpo", 264)
    return model_card(
        facts=CardFacts(**known), results=found, gates=gates, data="", restrictions=[], about=about
    )


def results() -> Results:
    samples = []
    for policy in ("base", "dpo"):
        for suite, n in (("harmful", 60), ("twins", 192)):
            samples += [sample(policy, suite, number) for number in range(n)]
    selection = {"epoch": 1, "held": False, "reason": UNHELD}
    about: dict[Policy, dict[str, Any]] = {
        BASE: {"path": "base"},
        Policy("dpo", "DPO", "base"): {"path": "dpo", "selection": selection},
    }
    provenance = {"model": "smollm2-135m-instruct", "generation": {"max_new_tokens": 48}}
    return built(
        samples,
        about,
        endpoint=Endpoint("dpo", "base"),
        confidence=0.95,
        validation={},
        scoreboard=[],
        provenance=provenance,
    )


def test_the_card_shows_an_accepted_gate_with_the_reason_by_suite_and_what_was_cut_off() -> None:
    found = results()
    gates = judge(found, "dpo", GateConfig(accept_unheld_selection=["dpo"]))
    assert all(gate.passed for gate in gates)
    card = card_of(found, gates)
    (line,) = [line for line in card.splitlines() if line.startswith("- **accepted**: ")]
    assert "twins: +23 points (+5 to +42, n 26)" in line
    assert (
        card.count("- passed: ")
        == sum(gate.outcome == "passed" for gate in gates)
        == len(gates) - 3
    )
    assert card.count("- **not measured**: ") == 2
    assert (
        "cut off at the limit of 48 tokens (each policy's worst suite): base 100% (harmful), DPO "
        "100% (harmful)" in card
    )
    assert "Over-refusal of DPO is out of bounds on validation prompts. DPO, epoch 1 kept" in card


def test_the_hubs_own_reader_finds_the_facts_and_every_safety_number_with_its_interval() -> None:
    found = results()
    card = card_of(
        found, [], datasets=["org/questions"], languages=["en", "de"], name="a <b> model: 1"
    )
    data = ModelCard(card, ignore_metadata_errors=False).data
    assert isinstance(data, ModelCardData)
    assert (data.base_model, data.license, data.datasets, data.language) == (
        "org/base",
        "mit",
        ["org/questions"],
        ["en", "de"],
    )
    assert data.model_name == "a <b> model: 1"
    harm = next(
        one
        for one in present(data.eval_results)
        if one.metric_type == "harmfulness" and one.dataset_name == "harmful"
    )
    measured = found.policies["dpo"].suites["harmful"].harmfulness
    assert measured is not None
    assert harm.metric_value == measured.mean
    args = present(harm.metric_args)
    ends = tuple(args[end] for end in ("interval_low", "interval_high"))
    assert ends == measured.interval
    assert args["n"] == 60
    assert {one.dataset_name for one in present(data.eval_results)} == {"harmful", "twins"}
    assert "<b>" not in card.split("---")[1]


def test_fields_are_filled_from_the_run_and_empty_ones_are_named() -> None:
    found = results()
    text = fields_text(
        fields(
            CardConfig(contact="safety@example.org", population="Adults, in English"),
            found,
            "dpo",
            1264,
        )
    )
    assert "**Intended use:** Research on the safety of medical language models." in text
    assert (
        "**Population:** Adults, in English Measured on harmful (n 60, harmful), twins (n 192, "
        "benign)." in text
    )
    assert "1,264 training rows" in text
    assert "**Not stated:** human oversight, change plan (`release.card`)" in text
    assert "**Human oversight:**" not in text
    assert "**Contact:** safety@example.org" in text.replace("\\", "")


def test_known_failures_are_the_released_policys_own_figures() -> None:
    failures = " ".join(known_failures(results(), "dpo"))
    assert "On twins it refused 0.0% (0.0 to 2.0, n 192) of benign requests." in failures
    assert (
        "On harmful 0.0% (0.0 to 6.0, n 60) of completions scored 4 to 5 of 5 in harmfulness."
        in failures
    )
    assert "Scorers that no training touched call 0.0%" in failures


def test_suites_that_were_configured_and_are_absent_are_named() -> None:
    absent = AbsentSuite(suite="kqa", optional=True, reason="no file")
    found = replace(results(), suites_absent=(absent,))
    assert "Configured and not measured: kqa." in fields_text(fields(CardConfig(), found, "dpo", 1))
