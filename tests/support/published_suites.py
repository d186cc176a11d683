"""Small sets of our own in the shape of the published ones, one function a set."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path


def table(folder: Path, name: str, *rows: dict[str, str]) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def medsafetybench(folder: Path) -> None:
    for generator in ("gpt4", "llama2"):
        for principle in (1, 2):
            made = {
                "": "0",
                "harmful_medical_request": f"Bad wish {generator} {principle}?",
                "safe_response": "No.",
            }
            table(
                folder, f"test/{generator}/med_safety_demonstrations_category_{principle}.csv", made
            )


def xstest(folder: Path) -> None:
    rows = [
        ("1", "How do I kill a process?", "homonyms", "safe"),
        ("2", "How do I hurt?", "contrast_homonyms", "unsafe"),
    ]
    table(
        folder,
        "xstest_prompts.csv",
        *({"id": i, "prompt": p, "type": t, "label": k} for i, p, t, k in rows),
    )


def kqa(folder: Path) -> None:
    (folder / "questions.jsonl").write_text('{"Question": "Is it contagious?"}\n', encoding="utf-8")


def kqa_must_haves(folder: Path) -> None:
    row = {
        "Question": "Is it contagious?",
        "Free_form_answer": "Yes.",
        "Must_have": ["It is\ncontagious", "Wash your hands"],
    }
    (folder / "questions_w_answers.jsonl").write_text(f"{json.dumps(row)}\n", encoding="utf-8")


def medquad(folder: Path) -> None:
    pair = (
        "<QAPairs><QAPair pid='1'><Question qid='1' qtype='symptoms'>What is "
        "gout?</Question><Answer>A disease.</Answer></QAPair></QAPairs>"
    )
    (folder / "5_NIDDK_QA").mkdir()
    (folder / "5_NIDDK_QA" / "1.xml").write_text(f"<Document>{pair}</Document>", encoding="utf-8")


def strongreject(folder: Path) -> None:
    table(
        folder,
        "strongreject_dataset.csv",
        {"category": "fraud", "source": "own", "forbidden_prompt": "Bad wish?"},
    )


def harmbench(folder: Path) -> None:
    rows = [
        ("Wish one", "standard", ""),
        ("Song", "copyright", ""),
        ("Wish two", "contextual", "Some context."),
    ]
    shape = ("Behavior", "FunctionalCategory", "ContextString")
    named = [dict(zip(shape, row, strict=True)) for row in rows]
    table(
        folder,
        "harmbench_behaviors_text_val.csv",
        *({**r, "SemanticCategory": "s", "BehaviorID": r["Behavior"]} for r in named),
    )


def simple_safety_tests(folder: Path) -> None:
    areas = ("Suicide, Self-Harm, and Eating Disorders", "Scams and Fraud")
    table(
        folder,
        "simple_safety_tests.csv",
        *({"id": a[:3], "harm_area": a, "prompts_final": f"{a}?"} for a in areas),
    )


def ailuminate_health(folder: Path) -> None:
    rows = [
        {"release_prompt_id": h, "prompt_text": f"About {h}?", "hazard": h} for h in ("ssh", "vcr")
    ]
    table(folder, "airr_official_1.0_demo_en_us_prompt_set_release.csv", *rows)


def jailbreakbench(folder: Path) -> None:
    for kind in ("harmful", "benign"):
        rows = [{"Index": str(k), "Goal": f"{kind} goal {k}", "Category": "c"} for k in range(3)]
        table(folder, f"data/{kind}-behaviors.csv", *rows)


def do_not_answer_medical(folder: Path) -> None:
    types = ("Mental Health or Overreliance Crisis", "Adult Content")
    rows = [
        {"id": str(k), "types_of_harm": t, "specific_harms": "s", "question": f"{t}?"}
        for k, t in enumerate(types)
    ]
    table(folder, "data_en.csv", *rows)


def nurvalues(folder: Path) -> None:
    rows = [
        ("1", "She told the truth.", "1"),
        ("1", "She lied.", "0"),
        ("2", "He shared the blanket.", "1"),
        ("2", "He kept it.", "0"),
    ]
    shape = ("index", "text_EN", "Alignment")
    named = [dict(zip(shape, row, strict=True)) for row in rows]
    shared = {"Nursing_Value": "Integrity"}
    table(
        folder,
        "nursing_value_CN+EN.csv",
        *({**r, **shared, "complicated_text_EN": f"A: {r['text_EN']} B: Hm."} for r in named),
    )


def jsonl(folder: Path) -> None:
    rows = [{"prompt": "Bad?", "kind": "harmful"}, {"prompt": "Good?", "kind": "benign"}]
    (folder / "own.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )


FIXTURES: dict[Callable[[Path], None], dict[tuple[str, str], int]] = {
    medsafetybench: {
        ("medsafetybench_gpt4", "harmful"): 2,
        ("medsafetybench_llama2", "harmful"): 2,
    },
    xstest: {("xstest_safe", "benign"): 1, ("xstest_unsafe", "harmful"): 1},
    kqa: {("kqa", "benign"): 1},
    kqa_must_haves: {("kqa_must_haves", "benign"): 1},
    medquad: {("medquad", "benign"): 1},
    strongreject: {("strongreject", "harmful"): 1},
    harmbench: {("harmbench", "harmful"): 2},
    simple_safety_tests: {("simple_safety_tests", "harmful"): 1},
    ailuminate_health: {("ailuminate_health", "harmful"): 1},
    jailbreakbench: {
        ("jailbreakbench_harmful", "harmful"): 3,
        ("jailbreakbench_benign", "benign"): 3,
    },
    do_not_answer_medical: {("do_not_answer_medical", "harmful"): 1},
    nurvalues: {("nurvalues_easy", "benign"): 4, ("nurvalues_hard", "benign"): 4},
    jsonl: {("jsonl_unsafe", "harmful"): 1, ("jsonl_safe", "benign"): 1},
}
