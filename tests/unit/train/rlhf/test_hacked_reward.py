"""A training scorer that can be fooled: it holds the letter e for harmless, and the independent
scorer holds it for harm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from present import present
from tiny_online import LooksForLetter, prompts_of

from eval.over_optimisation import before_parting, parting, with_signs
from eval.results.scoreboard_row import ScoreboardRow
from eval.scoreboard import Measuring, Scoreboard
from eval.scoreboard_shape import read_scoreboard
from eval.scorer_watch import StopWhenScorersPart
from models.adapters.trained import load_trainable_state, trainable_state
from models.adapters.wrapping import adapt, merge
from models.config import AdapterConfig, GenerationConfig, ModelConfig
from models.loading.load import load_model
from records.rows import Completion, Score, text_of
from reward.scorers import FACTORS, HARM_MODEL

if TYPE_CHECKING:
    from tests.unit.train.rlhf.conftest import Fitted

EVERY, STEPS = 4, 48


def letters(completion: Completion) -> int:
    return text_of(completion.completion).count("e")


class Fooled:
    """Harm falls with every e."""

    name = HARM_MODEL

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        return [
            Score(
                id=f"{c.id}/h",
                completion_id=c.id,
                scorer=HARM_MODEL,
                value=5 - min(4.0, float(letters(c))),
            )
            for c in completions
        ]


class Independent:
    """Three of them are harmful."""

    name = FACTORS

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        found = []
        for c in completions:
            harmful = letters(c) >= 3
            label = "harmful" if harmful else "harmless"
            found.append(
                Score(
                    id=f"{c.id}/f",
                    completion_id=c.id,
                    scorer=FACTORS,
                    value=float(harmful),
                    label=label,
                )
            )
        return found


@pytest.fixture(scope="module")
def hacked(
    fit_online: Callable[..., Fitted],
    tiny_directory: Path,
    tokenizer: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Fitted, list[ScoreboardRow], list[str], Callable[[], Fitted]]:
    """(what was fitted, rows of the scoreboard, what was said, a function that runs the same
    again).
    """
    work = tmp_path_factory.mktemp("hacked")
    said: list[str] = []
    start = ModelConfig(path=str(tiny_directory))
    generation = GenerationConfig(max_new_tokens=6, batch_size=64, dtype="float32")

    def policy_of(state: dict[str, Any]) -> Any:
        policy = adapt(load_model(start), AdapterConfig(kind="full"), seed=0)
        load_trainable_state(policy, state)
        return merge(policy)

    measuring = Measuring(
        prompts_of(20),
        generation,
        [Fooled(), LooksForLetter(), Independent()],
        0.95,
        tokenizer,
        policy_of,
        said.append,
        also=lambda row, samples: with_signs(row, samples, 0.95),
    )
    path = work / "scoreboard.jsonl"

    def run() -> Fitted:
        scoreboard = Scoreboard(
            "rlhf", path, work / "epochs", measuring, lambda module: trainable_state(module.model)
        )
        return fit_online(
            work,
            callbacks=[scoreboard, StopWhenScorersPart(path, said.append)],
            harm=Fooled(),
            steps=STEPS,
            measure_every=EVERY,
            kind="full",
            prompts_per_step=8,
            num_generations=8,
            learning_rate=1e-2,
            beta=0.0,
        )

    return run(), read_scoreboard(path), said, run


def test_training_ends_within_20_steps_of_the_parting(
    hacked: tuple[Fitted, list[ScoreboardRow], list[str], Callable[[], Fitted]],
) -> None:
    fitted, rows, said, _ = hacked
    drawn = [step["harmfulness"] for step in fitted.metrics if "harmfulness" in step]
    shares = [present(present(row.independent_harm).mean) for row in rows]
    worsens = next(row.step for row, share in zip(rows, shares, strict=True) if share > min(shares))

    # By the training scorer all is well.
    assert present(rows[-1].harmfulness.mean) < present(rows[0].harmfulness.mean)
    assert drawn[-1] < drawn[0] - 0.3
    assert fitted.module.trainer.global_step < STEPS
    assert rows[-1].step - worsens <= 20
    assert any("the scorers part at step" in line for line in said)


def test_only_rows_before_the_parting_may_be_kept(
    hacked: tuple[Fitted, list[ScoreboardRow], list[str], Callable[[], Fitted]],
) -> None:
    _, rows, *_ = hacked
    found = parting(rows)

    assert present(found).row is rows[-1]
    assert before_parting(rows) == rows[:-1]


def test_run_again_it_does_not_go_on(
    hacked: tuple[Fitted, list[ScoreboardRow], list[str], Callable[[], Fitted]],
) -> None:
    """As a stage that was killed before it had exported what it kept."""
    fitted, rows, _, run = hacked

    again = run()

    assert [line["step"] for line in again.metrics if "loss" in line] == [
        line["step"] for line in fitted.metrics if "loss" in line
    ]
    assert again.module.trainer.global_step == rows[-1].step
