from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eval.label_sets import kqa
from eval.label_sets.items import LabelSet, completion_of
from eval.label_sets.reading import LABEL_SETS, read_label_sets
from records.errors import RecordError
from records.rows import text_of


def read(kind: str, path: Path) -> LabelSet:
    (found,) = read_label_sets([f"{kind}={path}"])
    return found


def test_do_not_answer_is_read_by_writer_with_peoples_word(
    write_csv: Callable[[str, list[dict[str, Any]]], Path], asked: list[dict[str, Any]]
) -> None:
    path = write_csv("set/data_en.csv", asked)
    found = read("do_not_answer", path.parent)
    assert [(item.writer, item.labels.harmful, item.category) for item in found.items] == [
        ("alpha", False, "area 0"),
        ("beta-7b", True, "area 0"),
        ("alpha", False, "area 1"),
        ("beta-7b", True, "area 1"),
    ]
    assert len({item.group for item in found.items}) == 2
    assert text_of(found.items[1].completion.completion) == "Change the date, then sign."


def test_xstest_calls_harmful_what_complies_with_an_unsafe_prompt_and_reads_each_writer_once(
    write_csv: Callable[[str, list[dict[str, Any]]], Path], annotated: list[dict[str, Any]]
) -> None:
    path = write_csv(
        "xstest/annotated_completions/xstest_v2_completions_gamma_gpteval.csv", annotated
    )
    write_csv("xstest/annotated_completions/xstest_v2_completions_gamma_streval.csv", annotated)
    found = read("xstest", path.parents[1])
    assert [(item.labels.refusal, item.labels.harmful) for item in found.items] == [
        ("none", False),
        ("full", False),
        ("partial", False),
        ("none", True),
        ("full", False),
        ("partial", False),
    ]
    assert {item.writer for item in found.items} == {"gamma"}
    assert found.rated[1].words == ("full", "none")


def test_kqa_holds_physicians_completions_as_harmless_and_three_opinions_of_each_claim(
    tmp_path: Path, write_lines: Callable[[str, list[dict[str, Any]]], Path]
) -> None:
    write_lines(
        "questions_w_answers.jsonl",
        [
            {
                "Question": "May I run with a cold?",
                "Free_form_answer": "Wait until the fever is gone.",
            }
        ],
    )
    header = ",Question,llm_x,answer,claim,category_x,majority_label,label_0,label_1,label_2\n"
    row = (
        '0,May I run with a cold?,gpt4,"Yes,'
        ' do.",Wait.,Must_have,Neutral,Neutral,Contradiction,Neutral\n'
    )
    (tmp_path / "NLI_medical_annotator.csv").write_text(header + row, encoding="utf-8")
    found = read("kqa", tmp_path)
    (item,) = found.items
    assert (item.writer, item.labels.harmful, item.labels.refusal) == ("physician", False, "none")
    assert [rated.words for rated in found.rated] == [("Neutral", "Contradiction", "Neutral")]


def test_hh_rlhf_pairs_two_completions_and_counts_what_is_no_preference(
    write_lines: Callable[[str, list[dict[str, Any]]], Path],
) -> None:
    opening = "\n\nHuman: May I skip my pills?\n\nAssistant:"
    rows = [
        {"chosen": f"{opening} Ask your doctor first.", "rejected": f"{opening} Sure."},
        {
            "chosen": f"{opening} Why?\n\nHuman: No reason.\n\nAssistant: Then keep on.",
            "rejected": f"{opening} Other.\n\nHuman: X\n\nAssistant: Y",
        },
        {"chosen": f"{opening} Same.", "rejected": f"{opening} Same."},
    ]
    found = read("hh_rlhf", write_lines("test.jsonl", rows))
    ((chosen, rejected, _),) = found.pairs
    assert text_of(found.items[chosen].completion.completion) == "Ask your doctor first."
    assert text_of(found.items[rejected].completion.completion) == "Sure."
    assert found.left_out == 2


def test_rewardbench_rows_are_pairs_of_texts_or_messages_with_their_subset(
    write_lines: Callable[[str, list[dict[str, Any]]], Path],
) -> None:
    rows = [
        {
            "prompt": "Q?",
            "chosen": "No.",
            "rejected": "Yes.",
            "chosen_model": "a",
            "rejected_model": "b",
            "subset": "refusals-dangerous",
            "id": 7,
        },
        {
            "prompt": [{"role": "user", "content": "Q?"}],
            "chosen": [{"role": "assistant", "content": "A"}],
            "rejected": [{"role": "assistant", "content": "B"}],
            "subset": "donotanswer",
            "id": 8,
        },
    ]
    found = read("rewardbench", write_lines("filtered.jsonl", rows))
    assert [pair.row_id for pair in found.pairs] == ["7", "8"]
    assert [item.category for item in found.items] == ["refusals-dangerous"] * 2 + [
        "donotanswer"
    ] * 2
    assert [item.writer for item in found.items] == ["a", "b", "chosen", "rejected"]
    with pytest.raises(RecordError, match="RewardBench 2"):
        read(
            "rewardbench",
            write_lines(
                "v2.jsonl",
                [{"prompt": "Q?", "chosen": ["a"], "rejected": ["b", "c"], "subset": "Safety"}],
            ),
        )


def test_a_table_of_ones_own_has_medians_majorities_and_its_raters(
    write_csv: Callable[[str, list[dict[str, Any]]], Path],
) -> None:
    rows = [
        {
            "prompt": "P",
            "completion": "C",
            "rater": "ann",
            "writer": "dpo",
            "harmful": "yes",
            "harmfulness": "4",
            "refusal": "none",
        },
        {
            "prompt": "P",
            "completion": "C",
            "rater": "bob",
            "writer": "dpo",
            "harmful": "no",
            "harmfulness": "2",
            "refusal": "none",
        },
        {
            "prompt": "P",
            "completion": "C",
            "rater": "cem",
            "writer": "dpo",
            "harmful": "yes",
            "harmfulness": "3",
            "refusal": "partial",
        },
        {
            "prompt": "P",
            "completion": "D",
            "rater": "ann",
            "writer": "sft",
            "harmful": "",
            "harmfulness": "1",
            "refusal": "full",
        },
    ]
    found = read("csv", write_csv("mine.csv", rows))
    first, second = found.items
    assert (first.labels.harmful, first.labels.harmfulness, first.labels.refusal) == (
        True,
        3.0,
        "none",
    )
    assert (second.labels.harmful, second.labels.harmfulness, second.writer) == (False, 1.0, "sft")
    assert {rated.target: rated.words for rated in found.rated} == {
        "harmful": (True, False, True),
        "harmfulness": (4.0, 2.0, 3.0),
        "refusal": ("none", "none", "partial"),
    }


def test_raters_who_split_evenly_leave_no_word(
    write_csv: Callable[[str, list[dict[str, Any]]], Path],
) -> None:
    rows = [
        {"prompt": "P", "completion": "C", "rater": str(k), "harmful": word}
        for k, word in enumerate(["yes", "no"])
    ]
    (item,) = read("csv", write_csv("mine.csv", rows)).items
    assert item.labels.harmful is None


def test_every_fault_of_every_set_is_told_at_once(
    tmp_path: Path,
    write_csv: Callable[[str, list[dict[str, Any]]], Path],
    asked: list[dict[str, Any]],
    annotated: list[dict[str, Any]],
) -> None:
    asked[1]["beta-7b_harmful"] = "maybe"
    annotated[0]["final_label"] = "4_other"
    dna = write_csv("data_en.csv", asked)
    xstest = write_csv("a/xstest_v2_completions_gamma_gpteval.csv", annotated)
    mine = write_csv("mine.csv", [{"prompt": "P", "completion": "C", "harmfulness": "6"}])
    words = [
        f"do_not_answer={dna}",
        f"xstest={xstest}",
        f"csv={mine}",
        "xtest=x",
        "kqa",
        f"hh_rlhf={tmp_path / 'none'}",
    ]
    with pytest.raises(RecordError) as raised:
        read_label_sets(words)
    faults = raised.value.faults
    wanted = [
        "beta-7b_harmful is 'maybe'",
        "final_label is '4_other'",
        "harmfulness is '6'",
        "did you mean xstest?",
        "kqa: no path",
        "no such file",
    ]
    assert len(faults) == len(wanted)
    assert all(word in fault for word, fault in zip(wanted, faults, strict=True))
    assert f"{dna}:3:" in faults[0]


def test_two_sets_of_one_kind_are_named_by_their_files(
    write_csv: Callable[[str, list[dict[str, Any]]], Path],
) -> None:
    row = {"prompt": "P", "completion": "C", "harmful": "yes"}
    paths = [write_csv(f"{name}.csv", [row]) for name in ("first", "second")]
    assert [found.name for found in read_label_sets([f"csv={path}" for path in paths])] == [
        "csv_first",
        "csv_second",
    ]


@pytest.mark.parametrize("kind", LABEL_SETS)
def test_an_empty_folder_is_told_and_no_traceback(kind: str, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"wanted|no \.jsonl"):
        read_label_sets([f"{kind}={tmp_path}"])


def test_an_id_depends_on_texts_and_writer_alone() -> None:
    same = completion_of("csv", "P ", "C", "w"), completion_of("csv", "P", " C", "w")
    assert same[0].id == same[1].id
    others = completion_of("csv", "P", "C", "v"), completion_of("csv", "P", "D", "w")
    assert len({same[0].id, *(other.id for other in others)}) == 3
    assert {same[0].prompt_id} == {other.prompt_id for other in others}


def test_a_claim_with_more_cells_than_columns_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "claims.csv"
    file.write_text("a,b\n1,2\n1,2,3\n", encoding="utf-8")
    with pytest.raises(RecordError, match=r"claims\.csv:3: 3 cells under 2 columns"):
        list(kqa._claims(file))
