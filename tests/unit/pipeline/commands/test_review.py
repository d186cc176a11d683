"""Review by experts through the command line: out as files, back as labels, and into the pairs of
the run.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reviewed_run import HARM, REFUSAL, by_split, prompt_fields, rate, scores_of, write_stage

from data_prep.pairs.expert_labels import ExpertLabel
from data_prep.unpaired import read_unpaired
from pipeline import cli
from records.rows import (
    Completion,
    Demonstration,
    Pair,
    Prompt,
    assistant,
    read_records,
    user,
)
from records.stage_folder import StageDirectory


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """prep, sample and score of a run with twelve harmful prompts, their twins, and two policy
    completions to each harmful one.
    """
    demos, made = [], []
    for number in range(12):
        split = "val" if number % 3 == 0 else "train"
        harmful, benign = f"h{number:02}", f"b{number:02}"
        texts = {
            harmful: REFUSAL.format(number),
            benign: (
                f"The safe dose is written on the label of box {number}, and a nurse can explain "
                "it."
            ),
        }
        for name, twin, kind in ((harmful, benign, "harmful"), (benign, harmful, "benign")):
            demos.append(
                Demonstration(
                    **prompt_fields(name, number, kind, twin, split),
                    completion=assistant(texts[name]),
                )
            )
        for sample in range(2):
            made.append(
                Completion(
                    id=f"{harmful}/base/{sample}",
                    prompt_id=harmful,
                    prompt=user(f"Request {harmful}?"),
                    completion=assistant(HARM.format(f"{number}, way {sample}")),
                    policy="base",
                    sample=sample,
                    seed=0,
                    num_tokens=9,
                    finish_reason="stop",
                )
            )
    scores = scores_of(demos, made)
    folder = tmp_path / "run"
    prompts = [
        Prompt(
            **{
                key: value
                for key, value in d.to_json().items()
                if key not in ("completion", "rejected", "prompt_id")
            }
        )
        for d in demos
    ]
    split_of = {d.id: d.split for d in demos}
    write_stage(
        folder,
        "prep",
        {**by_split("prompts", prompts, split_of), **by_split("demonstrations", demos, split_of)},
    )
    write_stage(
        folder, "sample", by_split("completions", made, {m.id: split_of[m.prompt_id] for m in made})
    )
    write_stage(folder, "score", {"scores.jsonl": scores})
    config = tmp_path / "run.yaml"
    config.write_text(f"run_dir: {folder}\npairs: {{shortcut_fail: 1.0}}\n")
    return config


def by_text(row: dict[str, str]) -> int:
    """Refusals and help are 1, the first way 4, the second 2."""
    return (
        1 if "harmful thing" not in row["completion"] else 4 if "way 0" in row["completion"] else 2
    )


def rated_batch(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The labels of a batch that two raters have read."""
    batch, labels = tmp_path / "batch", tmp_path / "labels"
    assert (
        cli.main(
            [
                "review-export",
                str(run),
                "--output",
                str(batch),
                "--prompts",
                "100",
                "--uncertain",
                "0",
            ]
        )
        == 0
    )
    assert "24 prompts, 100 wanted" in capsys.readouterr().out
    rate(batch, tmp_path / "ann.csv", "ann", by_text)
    rate(batch, tmp_path / "bob.csv", "bob", lambda row: by_text(row) + (by_text(row) == 4))
    files = [str(tmp_path / "ann.csv"), str(tmp_path / "bob.csv")]
    assert (
        cli.main(
            ["review-import", str(run), *files, "--batch", str(batch), "--output", str(labels)]
        )
        == 0
    )
    return labels


def test_from_export_over_ratings_to_the_pairs_of_the_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = rated_batch(run, tmp_path, capsys)
    shown = capsys.readouterr().out
    for words in (
        "96 ratings of 48 completions",
        "rater ann: 48",
        "ordinal alpha 0.9",
        "Spearman",
        "refusal detector",
        "0 conflicts",
    ):
        assert words in shown, words
    found = read_records(labels / "labels.jsonl", ExpertLabel)
    assert {label.scorer for label in found} == {"expert/ann", "expert/bob", "experts"}
    assert {pair.margin for pair in read_records(labels / "pairs.jsonl", Pair)} == {3.5, 2.5, 1.0}

    thumbs = read_unpaired([str(labels / "unpaired.jsonl")])
    assert {row.label for row in thumbs} == {True, False}
    assert f"thumbs: {sum(row.label for row in thumbs)} completions desirable" in shown
    assert f"dpo.loss=kto dpo.unpaired=[{labels / 'unpaired.jsonl'}]" in shown

    assert cli.main(["pairs", str(run), "run_dir=" + str(tmp_path / "run")]) == 0
    before = read_records(tmp_path / "run" / "pairs" / "pairs.train.jsonl", Pair)
    assert {pair.pair_type for pair in before} <= {"harm", "refuse_then_comply", "over_refusal"}
    assert cli.main(["pairs", str(run), f"pairs.expert_labels=[{labels / 'labels.jsonl'}]"]) == 0
    pairs = read_records(tmp_path / "run" / "pairs" / "pairs.train.jsonl", Pair)
    assert {pair.margin for pair in pairs if pair.pair_type == "harm"} <= {
        3.5,
        1.0,
    }, "the experts' rating is the score"
    between = [
        pair for pair in pairs if pair.pair_type == "expert" and pair.chosen_source == "base"
    ]
    assert len(between) == 8
    assert {(pair.chosen_score, pair.rejected_score) for pair in between} == {(2.0, 4.5)}
    report = json.loads((tmp_path / "run" / "pairs" / "pairs.report.json").read_text())
    assert report["by_type"]["train/expert"] == sum(pair.pair_type == "expert" for pair in pairs)
    capsys.readouterr()
    assert cli.main(["pairs", str(run), f"pairs.expert_labels=[{labels / 'labels.jsonl'}]"]) == 0
    assert "nothing changed" in capsys.readouterr().out
    (labels / "labels.jsonl").write_text(
        "".join((labels / "labels.jsonl").read_text().splitlines(keepends=True)[:60])
    )
    assert cli.main(["pairs", str(run), f"pairs.expert_labels=[{labels / 'labels.jsonl'}]"]) == 0
    assert "settings, inputs or files changed" in capsys.readouterr().out


def test_the_manifest_names_what_the_batch_was_drawn_from(run: Path, tmp_path: Path) -> None:
    assert cli.main(["review-export", str(run), "--output", str(tmp_path / "batch")]) == 0
    manifest = json.loads((tmp_path / "batch" / "manifest.json").read_text())
    learned = ("prep/prompts", "prep/demonstrations", "sample/completions")
    assert set(manifest["inputs"]) == {
        f"{name}.{split}.jsonl" for name in learned for split in ("train", "val")
    } | {"score/scores.jsonl"}
    assert manifest["inputs"]["score/scores.jsonl"] == StageDirectory(
        tmp_path / "run" / "score"
    ).require("scores.jsonl")
    assert manifest["drawn"] == {
        "prompts": 40,
        "uncertain": 0.5,
        "abstained": 40,
        "threshold": 3.5,
        "show_scores": False,
        "seed": 0,
    }


def test_conflicts_are_printed_and_kept(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = tmp_path / "batch"
    cli.main(["review-export", str(run), "--output", str(batch)])
    rate(batch, tmp_path / "ann.csv", "ann", lambda row: 1)
    rate(batch, tmp_path / "bob.csv", "bob", lambda row: 5)
    files = [str(tmp_path / "ann.csv"), str(tmp_path / "bob.csv")]
    words = ["review-import", str(run), *files, "--batch", str(batch)]
    assert cli.main([*words, "--output", str(tmp_path / "labels")]) == 0
    shown = capsys.readouterr().out
    report = json.loads((tmp_path / "labels" / "report.json").read_text())
    assert f"{len(report['conflicts'])} conflicts, all in report.json" in shown
    assert "ann 1, bob 5" in shown
    assert (tmp_path / "labels" / "pairs.jsonl").read_text() == ""


def test_a_stage_that_is_missing_or_a_folder_that_is_there_is_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        cli.main(
            [
                "review-export",
                str(run),
                "run_dir=" + str(tmp_path / "none"),
                "--output",
                str(tmp_path / "batch"),
            ]
        )
        == 2
    )
    assert "run `primum prep` first" in capsys.readouterr().err
    assert cli.main(["review-export", str(run), "--output", str(tmp_path / "run")]) == 2
    assert "name a new folder" in capsys.readouterr().err
    assert not (tmp_path / "batch").exists()


def test_a_folder_that_is_no_batch_is_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "ratings")
    assert cli.main(["review-import", str(run), "r.csv", "--batch", "nope", "--output", out]) == 2
    assert "nope: holds no manifest.json, wanted the folder of a batch" in capsys.readouterr().err


def test_faulty_ratings_leave_nothing_behind(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = tmp_path / "batch"
    cli.main(["review-export", str(run), "--output", str(batch)])
    rate(batch, tmp_path / "ann.csv", "ann", lambda row: 9)
    command = [
        "review-import",
        str(run),
        "--batch",
        str(batch),
        "--output",
        str(tmp_path / "labels"),
    ]
    assert cli.main([*command[:2], str(tmp_path / "ann.csv"), *command[2:]]) == 2
    shown = capsys.readouterr().err
    assert "harmfulness '9', wanted a whole number from 1 to 5" in shown
    assert "and 28 more" in shown
    assert cli.main([*command[:2], str(batch / "batch.csv"), *command[2:]]) == 2
    assert "no rating in" in capsys.readouterr().err
    assert cli.main([*command[:2], "dpo.beta=0.2", *command[2:]]) == 2
    assert "no file to read ratings from" in capsys.readouterr().err
    assert not (tmp_path / "labels").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--prompts", "0"), ("--prompts", "x"), ("--uncertain", "1.5"), ("--uncertain", "-1")],
)
def test_an_option_that_is_none_exits_with_2(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["review-export", str(run), "--output", str(tmp_path / "batch"), option, value])
    assert caught.value.code == 2
    assert option in capsys.readouterr().err
