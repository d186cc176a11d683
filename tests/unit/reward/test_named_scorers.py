"""A scorer is named by a word; what it cannot score says why, and nothing is loaded before all
words are right.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from present import present

from models.tokens import TokenRow, encode
from records.errors import ModelError
from records.rows import Completion, Score, assistant, user
from records.stage_folder import write_records
from reward.model.harmfulness_model import HarmfulnessScorer, save_reward_model
from reward.model.link import Link
from reward.named_scorers import REWARD_MODEL_FILES, SCORERS, Surroundings, load_all, named_scorers

if TYPE_CHECKING:
    from reward.model.network import HarmfulnessNetwork


def completion(name: str, text: str) -> Completion:
    return Completion(
        id=name,
        prompt_id="p",
        prompt=user("May I?"),
        completion=assistant(text),
        policy="x",
        sample=0,
        seed=0,
        num_tokens=1,
        finish_reason="stop",
    )


ROWS = [
    completion("a", "I can't help with that."),
    completion("b", "Take two of them."),
    completion("c", " "),
]


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(
        device=torch.device("cpu"),
        dtype=torch.float32,
        reward_model=tmp_path / "run" / "reward" / "reward_model",
        run="the run R",
        replies=tmp_path / "judges",
    )


@pytest.fixture
def reward_model(
    network: HarmfulnessNetwork, rows: list[TokenRow], tokenizer: Any, tmp_path: Path
) -> Path:
    folder = tmp_path / "run" / "reward" / "reward_model"
    save_reward_model(network, tokenizer, folder, link=Link(temperature=1.5), probe_rows=rows)
    return folder


def scores(word: str, around: Surroundings) -> list[Score]:
    (scorer,) = load_all(named_scorers([word], around), around)
    return scorer.score(ROWS)


def test_the_rule_calls_harmful_what_it_does_not_call_refused(around: Surroundings) -> None:
    found = scores("rule", around)
    assert [(score.completion_id, score.value, score.label) for score in found] == [
        ("a", 0.0, "full"),
        ("b", 1.0, "none"),
        ("c", 1.0, "none"),
    ]


def test_a_reward_model_gives_what_it_gives_alone_and_says_why_it_gives_nothing(
    reward_model: Path, around: Surroundings, tokenizer: Any
) -> None:
    found = scores(f"reward_model={reward_model}", around)
    alone = HarmfulnessScorer.load(reward_model)
    wanted = alone.scores(
        [present(encode(tokenizer, row.prompt, row.completion, 1024)) for row in ROWS[:2]]
    )
    assert [score.value for score in found[:2]] == pytest.approx(wanted, abs=1e-5)
    assert (found[2].value, found[2].reason) == (None, "empty completion")
    assert {score.label for score in found} == {""}


def test_run_is_the_runs_reward_model_and_the_rules_word(
    reward_model: Path, around: Surroundings
) -> None:
    found = scores("run", around)
    assert [score.value for score in found] == [
        score.value for score in scores(f"reward_model={reward_model}", around)
    ]
    assert [score.label for score in found] == ["full", "none", "none"]


@pytest.mark.embedded
def test_the_default_is_what_ships_and_needs_no_run(around: Surroundings) -> None:
    """Harm under the plain name; the refusal's word under its own."""
    found = scores("default", replace(around, reward_model=Path("nowhere")))
    assert {score.scorer for score in found} == {
        "default",
        *(
            f"default/{name}"
            for name in ("request", "complies", "coherent", "unsafe_advice", "refusal")
        ),
    }
    assert {
        score.completion_id: score.label for score in found if score.scorer == "default/refusal"
    }["a"] == "full"


def test_scores_made_elsewhere_are_found_by_id_and_others_are_unscored(
    tmp_path: Path, around: Surroundings
) -> None:
    mine = [
        Score(id="1", completion_id="b", scorer="x/complies", value=0.7),
        Score(id="2", completion_id="z", scorer="x", value=0.1),
    ]
    write_records(tmp_path / "s.jsonl", mine)
    found = scores(f"file={tmp_path / 's.jsonl'}", around)
    assert [(s.completion_id, s.value, s.reason) for s in found] == [
        ("b", 0.7, ""),
        ("a", None, "no score in s.jsonl"),
        ("c", None, "no score in s.jsonl"),
    ]


def test_every_wrong_word_is_told_before_anything_is_loaded(
    tmp_path: Path, around: Surroundings
) -> None:
    (tmp_path / "empty").mkdir()
    words = [
        "defualt",
        "rule=x",
        "reward_model",
        f"reward_model={tmp_path / 'none'}",
        f"reward_model={tmp_path / 'empty'}",
        "file=nope",
        "run",
    ]
    with pytest.raises(ModelError) as raised:
        named_scorers(words, around)
    wanted = [
        "did you mean default?",
        "it takes no path",
        "wanted reward_model=FOLDER",
        "no such folder",
        f"holds no {', '.join(REWARD_MODEL_FILES)}",
        "no such file",
        "the run R has no reward model yet",
    ]
    assert len(raised.value.faults) == len(wanted)
    assert all(word in fault for word, fault in zip(wanted, raised.value.faults, strict=True))


def test_two_of_a_kind_are_named_by_their_runs_and_a_word_given_twice_is_one(
    tmp_path: Path, around: Surroundings, reward_model: Path
) -> None:
    other = tmp_path / "second" / "reward" / "reward_model"
    other.mkdir(parents=True)
    for name in REWARD_MODEL_FILES:
        (other / name).write_text("{}")
    words = [f"reward_model={folder}" for folder in (reward_model, other, other)]
    assert [scorer.name for scorer in named_scorers(words, around)] == [
        "reward_model_run",
        "reward_model_second",
    ]
    assert [scorer.name for scorer in named_scorers(words[1:], around)] == ["reward_model"]


def test_every_scorer_that_takes_a_path_says_of_what_kind() -> None:
    assert {entry.takes for entry in SCORERS.values()} <= {"", "FOLDER", "FILE"}


def test_a_damaged_file_of_scores_is_told_with_its_line(
    tmp_path: Path, around: Surroundings
) -> None:
    (tmp_path / "s.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(ModelError, match=r"s\.jsonl:1"):
        scores(f"file={tmp_path / 's.jsonl'}", around)


def test_a_judge_bears_the_name_of_its_settings_and_a_wrong_setting_is_told_first(
    tmp_path: Path, around: Surroundings
) -> None:
    asked = "local: {model: {path: nowhere}}"
    (tmp_path / "j.yaml").write_text(f"name: big_judge\nkind: judge\n{asked}\n")
    (tmp_path / "wrong.yaml").write_text("name: big_judge\nkind: judge\nendpont: {}\n")
    (scorer,) = load_all(named_scorers([f"judge={tmp_path / 'j.yaml'}"], around), around)
    assert scorer.name == "big_judge"
    assert not around.replies.exists()
    with pytest.raises(ModelError, match=r"wrong\.yaml.*Did you mean: 'endpoint'"):
        named_scorers([f"judge={tmp_path / 'wrong.yaml'}"], around)
    (tmp_path / "again.yaml").write_text(f"name: rule\nkind: judge\n{asked}\n")
    with pytest.raises(ModelError, match="two scorers are called rule"):
        load_all(named_scorers(["rule", f"judge={tmp_path / 'again.yaml'}"], around), around)
