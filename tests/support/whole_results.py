"""results.json with every part present, by hand: what `Results` must read and write unchanged."""

from __future__ import annotations

from typing import Any

from whole_sections import (
    BOUNDS,
    CHANGE,
    COMPARISON,
    NOTHING,
    RATE,
    SIDES,
    Json,
    capability,
    judges,
    people,
)

SELECTION = {
    "epoch": 1,
    "reason": "least harm",
    "epochs_trained": None,
    "held": True,
    "limit": 0.1,
    "confidence": 0.8,
    "candidates": 3,
    "over_refusal": {"twins": {"difference": 0.0, "interval": [-0.1, 0.1], "n": 8}},
}


def suite(kind: str) -> Json:
    harmful = kind == "harmful"
    by_others: Json = {name: RATE for name in ("incoherent", "declined")}
    if harmful:
        by_others = {"harm_chance": RATE, "called_harmful": RATE, **by_others}
        by_others |= {name: NOTHING for name in BOUNDS}
    headline = {
        "harmfulness": RATE if harmful else None,
        "share_4_5": RATE if harmful else None,
        "refusal_rate": RATE if harmful else None,
        "over_refusal_rate": None if harmful else RATE,
    }
    return {
        "kind": kind,
        "n": 9,
        **headline,
        "partial_refusal_rate": RATE,
        "relevance": None if harmful else RATE,
        "truncated_rate": RATE,
        "form": {"empty": RATE, "repeated": RATE, "other_language": RATE},
        "mean_words": 12.5,
        "by_principle": {"1": {"n": 9, **headline}} if harmful else {},
        "by_register": {} if harmful else {"forum": {"n": 9, "over_refusal_rate": RATE}},
        "independent": by_others,
        "unscored": 1,
    }


def policy(title: str, **more: Any) -> Json:
    return {
        "title": title,
        "starts_from": None,
        "control_of": None,
        "round": 1,
        "path": "p",
        **more,
        "suites": {"harmful": suite("harmful"), "twins": suite("benign")},
    }


OPENINGS = {
    "inclines_to_decline": RATE,
    "declines": RATE,
    "disagree": RATE,
    "inclines_but_complies": ["a"],
    "complies_but_declines": [],
    "margin": RATE,
    "by_principle": {"1": RATE},
    "rank_correlation": None,
}
USELESS = {
    "echo": {
        "title": "repeats the prompt",
        "suites": {
            "twins": {
                "over_refusal_rate": RATE,
                "over_refusal_change": COMPARISON,
                "relevance": RATE,
                "relevance_change": RATE,
            }
        },
    }
}
TEST_SET = {
    "sha256": "0" * 64,
    "run": "r",
    "recipe": "a",
    "seed": 0,
    "evaluations": 1,
    "recipes": 1,
    "seeds": 1,
    "gates": 1,
    "gate_attempts": [{"at": "2026-02-03", "run": "r", "seed": 0}],
    "first": "2026-02-03",
}
GATE_ERROR_RATES = [
    {
        "suite": "twins",
        "limit": "max_over_refusal_increase",
        "unit": "points",
        "n": 9,
        "good": "unchanged",
        "good_passes": 0.5,
        "over": {"0": 0.02},
        "mde": 0.3,
        "n_for_5_percent": None,
    }
]


def findings() -> Json:
    judged = {"accuracy": RATE, "macro_f1": RATE, "pair_consistency": RATE}
    shares = {name: RATE for name in ("reason", "alternative", "both", "curt", "cut")}
    by_others = {"incoherent": RATE, "declined": RATE, "unsafe_advice": NOTHING}
    gap = {**COMPARISON, "refused_harmful": RATE, "refused_twins": RATE}
    attacks = {"by_family": {"direct": RATE}, "all_conditions": RATE, "worst_of_families": RATE}
    omitted = {
        "omitted": RATE,
        "by_act": {"urgent_care": RATE},
        "cut": RATE,
        "by_scorers": {"omitted": by_others, "complete": None},
    }
    return {
        "twin_gap": {
            "harmful": {
                "twins": "twins",
                "policies": {"dpo": {**gap, "by_principle": {"1": {**COMPARISON, "p_holm": 0.2}}}},
                "comparisons": [CHANGE],
            }
        },
        "declines": {
            "harmful": {
                "policies": {"dpo": {"n": 9, "declined": 5, **shares}},
                "comparisons": [CHANGE],
            }
        },
        "must_haves": {"kqa": {"note": "n", "policies": {"dpo": RATE}, "comparisons": [CHANGE]}},
        "omission": {
            "red_flags": {"note": "n", "policies": {"dpo": omitted}, "comparisons": [CHANGE]}
        },
        "choices": {"values": {"dpo": {**judged, "unparsed": RATE, "by_topic": {"t": RATE}}}},
        "dual": {
            "values": {"dpo": {"by_choice": {**judged, "disagree": RATE}}},
            "harmful": {"dpo": OPENINGS},
        },
        "conditions": {
            "harmful": {
                "not_refused": {
                    "policies": {"dpo": attacks},
                    "comparisons": [{**SIDES, "family": "direct", **COMPARISON}],
                }
            }
        },
        "useless": USELESS,
    }


def scoreboard() -> list[Json]:
    row = {
        "stage": "sft",
        "epoch": 0,
        "step": 0,
        "harmfulness": RATE,
        "share_4_5": RATE,
        "refusal_rate": RATE,
        "over_refusal_rate": RATE,
        "over_refusal_by_suite": {"twins": RATE},
        "over_refused": {"twins": ["t1"]},
        "confidence": 0.8,
    }
    online = {
        "kl": 0.5,
        "drawn_over_refusal": {"twins": 0.1},
        "mean_tokens": 30.5,
        "distinct_2": 0.9,
        "independent_harm": RATE,
        "independent_chance": RATE,
        "independently_harmful": ["h1"],
        "independently_read": ["h1", "h2"],
    }
    trained = {"epochs_trained": 0.5, "multipliers": {"twins": 0.25}}
    return [{**row, "chosen": False}, {**row, **online, **trained, "chosen": True}]


def whole_results() -> Json:
    """Every key of docs/results.md, in the order of the file."""
    about = {"rows": 60, "source": "the run's own"}
    return {
        "schema_version": 3,
        "created": "2026-02-03T10:11:12+00:00",
        "confidence": 0.95,
        "baseline": "base",
        "primary_endpoint": {**SIDES, "suite": "harmful", "metric": "harmfulness"},
        "policies": {
            "base": policy("base", optimiser_steps=0),
            "dpo": policy("SFT + DPO", optimiser_steps=9, selection=SELECTION),
        },
        "comparisons": [{**SIDES, "suite": "harmful", "metric": "harmfulness", **COMPARISON}],
        **findings(),
        "suites_absent": [{"suite": "kqa", "optional": True, "reason": "not there"}],
        "test_set": TEST_SET,
        "agreement": {"base": None, "dpo": RATE},
        "rank_agreement": {"base": None, "dpo": RATE},
        "validation": {
            "reward_model": {"auroc": RATE, "thresholds": [1.5], "probes": {"few": {"n": 3}}},
            "accepted": [],
            "refusal_detector": {"note": "n"},
        },
        "scoreboard": scoreboard(),
        "provenance": {"seed": 0, "generation": {"max_new_tokens": 64}},
        "cut_off": {"threshold": 0.2, "policies": {"dpo": {"harmful": 0.25}}},
        "verdict": "It falls.",
        "capability": capability(),
        "tamper": {
            "policy": "dpo",
            "attacks": {
                "fine_tuned": {
                    "title": "after 8 steps",
                    "about": about,
                    "suites": {"harmful": suite("harmful")},
                }
            },
        },
        "suites_described": {
            "kqa": {
                "suite": "kqa",
                "title": "K-QA",
                "licence": "MIT",
                "citation": "c",
                "note": "",
                "gate": False,
                "metrics": ["must_haves"],
            }
        },
        "people": people(),
        "judges": judges(),
        "gate_error_rates": GATE_ERROR_RATES,
    }
