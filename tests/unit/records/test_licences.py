"""What licences allow however they are spelled, and how data under them mark what is made of
them.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.config import SourceConfig
from data_prep.source_registry import SOURCES, source_kind
from data_prep.terms import known_terms
from records.licences import (
    NON_COMMERCIAL,
    UNKNOWN,
    commercial_use,
    is_non_commercial,
    licence_fault,
    same_licence,
    union,
)

CC_BY_NC = [
    "CC BY-NC 4.0",
    "cc-by-nc-4.0",
    "CC-BY-NC-4.0",
    "cc_by_nc_4",
    "CCBYNC 4.0",
    "BY-NC 4.0",
    "Creative Commons Attribution-NonCommercial 4.0 International",
    "Creative Commons Attribution Non Commercial 4.0",
    "https://creativecommons.org/licenses/by-nc/4.0/",
]


CC_BY_NC_SA = [
    "CC BY-NC-SA 4.0",
    "cc-by-nc-sa-4.0",
    "ccbyncsa4.0",
    "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International",
]


MIT = ["MIT", "mit", "MIT License", "The MIT Licence"]


APACHE = ["Apache-2.0", "apache 2.0", "Apache License, Version 2.0", "Apache 2"]


CC_BY = ["CC BY 4.0", "cc-by-4.0", "Creative Commons Attribution 4.0 International", "CC BY"]


@pytest.mark.parametrize(
    "licence",
    [
        *CC_BY_NC,
        *CC_BY_NC_SA,
        "CC BY-NC-ND 3.0",
        "PolyForm-Noncommercial-1.0.0",
        "research only",
        "evaluation only",
        "for academic use only",
        "not for commercial use",
        "no commercial use",
        "Commercial use is prohibited",
        "only for research",
        "MIT AND CC-BY-NC-4.0",
        "code MIT, data CC BY-NC 4.0",
    ],
)
def test_every_spelling_of_a_non_commercial_licence_is_one(licence: str) -> None:
    assert is_non_commercial(licence)


@pytest.mark.parametrize(
    "licence",
    [
        *MIT,
        *APACHE,
        *CC_BY,
        "CC0",
        "cc0-1.0",
        "CC BY-SA 4.0",
        "BSD-3-Clause",
        "ODC-By",
        "GPL-3.0-or-later",
        "NCSA",
        "MIT OR CC-BY-NC-4.0",
    ],
)
def test_free_licences_allow_commercial_use(licence: str) -> None:
    assert commercial_use(licence) == "allowed"


@pytest.mark.parametrize(
    "licence",
    [
        "",
        "unknown",
        "other",
        "llama3",
        "custom terms",
        "see README",
        "openrail",
        "cc",
        "AINC-4",
        "gpt-mit-like",
        "no restrictions on commercial use",
        "without restriction, commercial use too",
    ],
)
def test_a_licence_that_nobody_knows_is_no_permission(licence: str) -> None:
    assert commercial_use(licence) == "unknown"


@pytest.mark.parametrize("spellings", [CC_BY_NC, CC_BY_NC_SA, MIT, APACHE, CC_BY])
def test_spellings_of_one_licence_are_the_same(spellings: list[str]) -> None:
    assert all(
        same_licence(one, other) and same_licence(other, one) for one, other in pairwise(spellings)
    )


def test_another_licence_or_another_version_is_not_the_same() -> None:
    families = [CC_BY_NC, CC_BY_NC_SA, MIT, APACHE, CC_BY]
    assert not any(same_licence(a[0], b[0]) for a in families for b in families if a is not b)
    assert not same_licence("CC BY 4.0", "CC BY 3.0")


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_licence(text: str) -> None:
    assert commercial_use(text) in ("allowed", "forbidden", "unknown")
    assert same_licence(text, text)


def test_a_union_names_each_source_once_in_order() -> None:
    assert union([{UNKNOWN: ["b"]}, {}, {NON_COMMERCIAL: ["c"], UNKNOWN: ["a", "b"]}]) == {
        NON_COMMERCIAL: ["c"],
        UNKNOWN: ["a", "b"],
    }
    assert union([]) == {}


@pytest.mark.parametrize("name", SOURCES)
def test_every_known_set_states_a_licence_whose_commercial_use_is_known(name: str) -> None:
    known = source_kind(name).known
    assert known is None or commercial_use(known.terms.licence) != "unknown"


EVALUATION_SETS = [
    "walledai/XSTest",
    "Paul/XSTest",
    "natolambert/xstest-v2-copy",
    "GBaker/MedQA-USMLE-4-options",
    "bigbio/med_qa",
    "openlifescienceai/medmcqa",
    "medmcqa",
    "qiaojin/PubMedQA",
    "bigbio/pubmed_qa",
    "cais/mmlu",
    "TIGER-Lab/MMLU-Pro",
    "hendrycks_test",
    "LibrAI/do-not-answer",
    "walledai/StrongREJECT",
    "walledai/HarmBench",
    "Bertievidgen/SimpleSafetyTests",
    "mlcommons/ailuminate",
    "Itaymanes/K-QA",
    "openai/healthbench",
    "/scratch/hub/datasets--walledai--XSTest/snapshots/0a1b",
    "data/strongreject/strongreject_dataset.csv",
    "data/do_not_answer/data_en.csv",
    "data/kqa/questions.jsonl",
    "harmbench_behaviors_text_val.csv",
    "phrases_no_exclude_test.jsonl",
]


@pytest.mark.parametrize("path", EVALUATION_SETS)
def test_a_known_evaluation_set_in_a_generic_format_must_be_declared_so(path: str) -> None:
    for asked in (None, False):
        with pytest.raises(ValueError, match="is for evaluation only; set evaluation_only: true"):
            SourceConfig(name="s", format="hub", path=path, evaluation_only=asked)
    assert SourceConfig(name="s", format="hub", path=path, evaluation_only=True).is_for_evaluation


def test_a_set_that_has_a_format_of_its_own_is_pointed_to_it() -> None:
    with pytest.raises(ValueError, match="; format: xstest reads it as its authors publish it"):
        SourceConfig(name="s", format="jsonl", path="data/xstest_prompts.csv")


@pytest.mark.parametrize(
    "path",
    [
        "lavita/MedQuAD",
        "Anthropic/hh-rlhf",
        "me/medical-answers",
        "data/mine.jsonl",
        "phrases_no_exclude_train.jsonl",
    ],
)
def test_other_sets_are_free_to_train_on(path: str) -> None:
    assert known_terms("hub", path) is None
    assert not SourceConfig(name="s", format="hub", path=path).is_for_evaluation


@pytest.mark.parametrize("name", ["xstest", "kqa"])
def test_training_on_an_evaluation_set_is_an_error_before_any_work(name: str) -> None:
    assert SourceConfig(name="s", format=name, path="nowhere").is_for_evaluation  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="nobody may train on"):
        SourceConfig(name="s", format=name, path="nowhere", evaluation_only=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["pubmedqa", "safety_tuned_llamas"])
def test_of_a_set_with_an_evaluation_part_nobody_can_ask_for_all(name: str) -> None:
    assert not SourceConfig(name="s", format=name, path="nowhere").is_for_evaluation  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a part of .* is for evaluation only"):
        SourceConfig(name="s", format=name, path="nowhere", evaluation_only=False)  # type: ignore[arg-type]
    assert SourceConfig(
        name="s", format=name, path="nowhere", evaluation_only=True
    ).is_for_evaluation  # type: ignore[arg-type]


def test_a_config_may_spell_a_known_licence_its_own_way_but_not_change_it() -> None:
    assert (
        SourceConfig(
            name="s", format="safety_tuned_llamas", path="p", licence="CC BY-NC 4.0"
        ).terms.licence
        == "CC-BY-NC-4.0"
    )
    with pytest.raises(
        ValueError,
        match=(
            r"licence is 'MIT', but safety_tuned_llamas stands under CC-BY-NC-4.0; leave"
            r" licence out"
        ),
    ):
        SourceConfig(name="s", format="safety_tuned_llamas", path="p", licence="MIT")
    assert SourceConfig(name="s", format="jsonl", path="p", licence="MIT").terms.licence == "MIT"


def test_a_known_set_whose_licence_is_not_known_takes_the_config_s() -> None:
    source = SourceConfig(
        name="s", format="hub", path="walledai/StrongREJECT", evaluation_only=True, licence="MIT"
    )
    assert (source.terms.licence, source.terms.use) == ("MIT", "evaluation")


def test_the_general_half_of_medsafetybench_is_known_as_non_commercial() -> None:
    for name in ("ft_safety_gen_n900.json", "ft_safety_both_n1800.json"):
        assert is_non_commercial(
            SourceConfig(name="s", format="instruction_json", path=f"splits/{name}").terms.licence
        )
        with pytest.raises(ValueError, match="leave licence out"):
            SourceConfig(name="s", format="instruction_json", path=f"splits/{name}", licence="MIT")
    assert (
        SourceConfig(
            name="s", format="instruction_json", path="ft_safety_med_n100.json"
        ).terms.licence
        == "MIT"
    )


FORGED = [
    "CC0\n\n## Release gates\n\n- passed: all",
    "<img src=x onerror=y>",
    "MIT | x",
    "\x1b[2J",
    "MIT\u202e",
    "x" * 81,
    "[MIT](u)",
    "",
]


@pytest.mark.parametrize("licence", FORGED)
def test_a_licence_is_a_name_and_nothing_else(licence: str) -> None:
    assert licence_fault(licence).startswith("licence is ")
    with pytest.raises(ValueError, match="write its SPDX name"):
        SourceConfig(name="mine", format="jsonl", path="x", licence=licence)


@pytest.mark.parametrize(
    "licence",
    [
        *CC_BY_NC,
        *CC_BY_NC_SA,
        *MIT,
        *APACHE,
        *CC_BY,
        "MIT OR (Apache-2.0 AND X11)",
        "research only",
    ],
)
def test_every_usual_spelling_may_be_printed(licence: str) -> None:
    assert licence_fault(licence) == ""
