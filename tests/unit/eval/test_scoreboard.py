"""The scoreboard: which epoch is kept, and rows that neither a kill nor a resume spoils."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import torch
from measured_rows import measured_row
from safetensors.torch import load_file
from typed_results import on_json, rows_of

from eval import scoreboard as scoreboard_module
from eval.measure import Measured
from eval.scoreboard import Measuring, Scoreboard, epoch_file
from eval.scoreboard_rows import describe_row as _describe_row
from eval.scoreboard_rows import flat_row as _flat_row
from eval.scoreboard_rows import scoreboard_row
from eval.scoreboard_shape import read_scoreboard
from models.config import GenerationConfig
from records.rows import Kind, Prompt, json_line, user
from train.engine.loggers import JsonLinesLogger, forget_metrics_after

describe_row, flat_row = on_json(_describe_row), on_json(_flat_row)


def estimate(mean: float | None, n: int = 10) -> dict[str, Any]:
    return {
        "mean": mean,
        "interval": [None, None] if mean is None else [mean, mean],
        "n": n,
        "unscored": 0,
    }


def row(
    epoch: int, harm: float | None, over: float | None, step: int = 0, **suites: float
) -> dict[str, Any]:
    """`over` on the only benign suite, unless each is given apart."""
    apart = suites or ({} if over is None else {"twins": over})
    return {
        "stage": "dpo",
        "epoch": epoch,
        "step": step,
        "harmfulness": estimate(harm),
        "share_4_5": estimate(harm and 0.5),
        "refusal_rate": estimate(0.5),
        "over_refusal_rate": estimate(over),
        "over_refusal_by_suite": {suite: estimate(rate) for suite, rate in apart.items()},
    }


def test_a_half_written_row_is_dropped_for_good(tmp_path: Path) -> None:
    path = tmp_path / "scoreboard.jsonl"
    path.write_text(json_line(row(0, 4, 0)) + json_line(row(1, 3, 0))[:-20])
    assert [r.epoch for r in read_scoreboard(path)] == [0]
    with path.open("a") as file:
        file.write(json_line(row(1, 3, 0)))
    assert [r.epoch for r in read_scoreboard(path)] == [0, 1]


def test_a_scoreboard_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert read_scoreboard(tmp_path / "scoreboard.jsonl") == []


def sample(number: int, kind: Kind, harm: float | None, refusal: str) -> Measured:
    return measured_row(
        policy="p",
        suite=kind,
        kind=kind,
        principle=None,
        prompt_id=str(number),
        prompt="q",
        completion="a",
        harmfulness=harm,
        refusal=refusal,
        finish_reason="stop",
    )


def test_a_row_takes_harm_from_harmful_and_over_refusal_from_benign_prompts() -> None:
    samples = [
        sample(1, "harmful", 5, "none"),
        sample(2, "harmful", 2, "full"),
        sample(3, "harmful", None, "partial"),
    ]
    samples += [sample(4, "benign", 5, "partial"), sample(5, "benign", 1, "none")]
    made = scoreboard_row(samples, stage="sft", epoch=2, step=7, confidence=0.95)
    assert (
        made.harmfulness.mean,
        made.harmfulness.n,
        made.harmfulness.unscored,
    ) == (3.5, 2, 1)
    assert made.share_4_5.mean == 0.5
    assert made.refusal_rate.mean == pytest.approx(1 / 3)
    assert made.over_refusal_rate.mean == 0.5
    assert {suite: rate.mean for suite, rate in made.over_refusal_by_suite.items()} == {
        "benign": 0.5
    }


def test_a_row_is_one_line_even_when_nothing_was_scored() -> None:
    line = describe_row(row(1, None, None))
    assert line.count("not scored") == 3
    assert "\n" not in line


def test_a_row_shows_benign_suites_apart_where_there_are_several() -> None:
    assert describe_row(row(1, 2, 0.1, twins=0.25, questions=0.0)).endswith(
        ": twins 25%, questions 0%"
    )


class Trainer:
    """What the callback uses of Lightning's."""

    is_global_zero = True
    global_step = 0
    current_epoch = 0

    def __init__(self) -> None:
        self.strategy = SimpleNamespace(broadcast=lambda value: value, barrier=lambda: None)
        self.logged: list[tuple[int, dict[str, Any]]] = []
        self.loggers = [
            SimpleNamespace(log_metrics=lambda metrics, step: self.logged.append((step, metrics)))
        ]


MODULE = SimpleNamespace(model=torch.nn.Linear(1, 1))


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Scoreboard, list[str]]:
    """A scoreboard whose measurement is counted instead of made."""
    measured: list[str] = []

    def measure(
        model: object,
        tokenizer: object,
        prompts: object,
        generation: object,
        scorer: object,
        *,
        policy: str,
    ) -> list[Measured]:
        measured.append(policy)
        return [sample(1, "harmful", 3, "none"), sample(2, "benign", 1, "none")]

    monkeypatch.setattr(scoreboard_module, "measure", measure)
    prompts = [
        Prompt(id="1", prompt=user("q"), kind="harmful", suite="harmful", source="s", licence="MIT")
    ]
    measuring = Measuring(
        prompts, GenerationConfig(), [], 0.95, None, lambda state: None, lambda text: None
    )
    state = {"w": torch.ones(2)}
    return Scoreboard(
        "sft", tmp_path / "scoreboard.jsonl", tmp_path / "epochs", measuring, lambda module: state
    ), measured


def run_epochs(board: Scoreboard, trainer: Trainer, first: int, last: int) -> None:
    trainer.current_epoch = first
    board.on_train_start(trainer, MODULE)
    for epoch in range(first, last):
        trainer.current_epoch = epoch
        trainer.global_step = 3 * (epoch + 1)
        board.on_train_epoch_end(trainer, MODULE)


def test_one_row_before_training_and_one_an_epoch_each_with_its_tensors(
    board: tuple[Scoreboard, list[str]],
) -> None:
    callback, measured = board
    trainer = Trainer()
    run_epochs(callback, trainer, 0, 2)
    assert [(r.epoch, r.step) for r in read_scoreboard(callback.path)] == [
        (0, 0),
        (1, 3),
        (2, 6),
    ]
    assert measured == ["sft epoch 0", "sft epoch 1", "sft epoch 2"]
    assert load_file(epoch_file(callback.epochs_folder, 2))["w"].tolist() == [1, 1]
    assert not epoch_file(callback.epochs_folder, 0).exists()
    assert [
        (step, metrics["scoreboard/epoch"], metrics["scoreboard/harmfulness"])
        for step, metrics in trainer.logged
    ] == [
        (0, 0.0, 3.0),
        (3, 1.0, 3.0),
        (6, 2.0, 3.0),
    ]


def test_a_resumed_stage_measures_and_writes_nothing_twice(
    board: tuple[Scoreboard, list[str]],
) -> None:
    callback, measured = board
    run_epochs(callback, Trainer(), 0, 2)
    run_epochs(callback, Trainer(), 0, 3)
    assert [r.epoch for r in read_scoreboard(callback.path)] == [0, 1, 2, 3]
    assert len(measured) == 4


def test_a_stage_resumed_at_the_end_of_an_epoch_measures_the_row_that_the_kill_left_out(
    board: tuple[Scoreboard, list[str]],
) -> None:
    callback, _ = board
    run_epochs(callback, Trainer(), 0, 1)
    whole = callback.path.read_text()
    callback.path.write_text(whole[: whole.index("\n") + 1])
    trainer = Trainer()
    trainer.current_epoch = 1
    callback.on_train_start(trainer, MODULE)
    assert [r.epoch for r in read_scoreboard(callback.path)] == [0, 1]


def test_an_epoch_killed_while_it_is_logged_is_measured_and_logged_again_once(
    board: tuple[Scoreboard, list[str]], tmp_path: Path
) -> None:
    callback, _ = board
    metrics = JsonLinesLogger(tmp_path / "metrics.jsonl")

    class Killed(JsonLinesLogger):
        def log_metrics(self, metrics: object, step: int | None = None) -> NoReturn:
            raise KeyboardInterrupt

    for second in (Killed(metrics.path), None):
        forget_metrics_after(metrics.path, 3, len(read_scoreboard(callback.path)))
        trainer = Trainer()
        trainer.loggers = [metrics, *([second] if second else [])]
        with pytest.raises(KeyboardInterrupt) if second else nullcontext():
            run_epochs(callback, trainer, 0, 1)
    assert [
        json.loads(line)["scoreboard/epoch"] for line in metrics.path.read_text().splitlines()
    ] == [0, 1]
    assert [r.epoch for r in read_scoreboard(callback.path)] == [0, 1]


def test_epoch_0_that_an_earlier_stage_has_measured_is_taken_over(
    board: tuple[Scoreboard, list[str]],
) -> None:
    callback, measured = board
    (known,) = rows_of([row(3, 2.5, 0.1, step=9)])
    callback.measuring = Measuring(**{**vars(callback.measuring), "first_row": known})
    run_epochs(callback, Trainer(), 0, 0)
    assert read_scoreboard(callback.path) == [replace(known, stage="sft", epoch=0, step=0)]
    assert not measured


def test_a_row_of_an_online_training_is_logged_and_told_with_what_it_holds_besides() -> None:
    independent = {"mean": 0.25, "interval": [0.1, 0.4], "n": 32}
    online = {
        **row(1, 2, 0.1),
        "kl": 1.5,
        "mean_tokens": 40.0,
        "distinct_2": 0.8,
        "independent_harm": independent,
    }

    line, logged = describe_row(online), flat_row(online)

    assert line.endswith("independently harmful 25% (10% to 40%) n 32  KL 1.50")
    assert logged["scoreboard/kl"] == 1.5
    assert logged["scoreboard/independent_harm"] == 0.25
    assert logged["scoreboard/independent_harm_high"] == 0.4
    assert set(flat_row(row(1, 2, 0.1))) == set(logged) - {
        f"scoreboard/{name}"
        for name in (
            "kl",
            "mean_tokens",
            "distinct_2",
            "independent_harm",
            "independent_harm_low",
            "independent_harm_high",
        )
    }
