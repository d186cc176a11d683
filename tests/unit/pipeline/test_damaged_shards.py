"""What sample and eval had written when they were stopped is made again where it is damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.config import GenerationConfig
from pipeline import evaluating
from pipeline.stages import sample
from records.own_files import sealed_line
from records.rows import Completion, assistant, user
from records.stage_folder import StageDirectory


@pytest.fixture
def place(tmp_path: Path) -> Any:
    said: list[str] = []
    work = StageDirectory(tmp_path / "sample").work
    work.mkdir(parents=True)
    share = SimpleNamespace(rank=0, world=1, of=list)
    return SimpleNamespace(work=work, rank=0, share=share, say=said.append, said=said)


@pytest.fixture
def config() -> Any:
    return SimpleNamespace(
        eval=SimpleNamespace(
            generation=GenerationConfig(), engine="transformers", suites=[], dual=[]
        )
    )


def completion(name: str) -> Completion:
    return Completion(
        id=name,
        prompt_id=name,
        prompt=user("?"),
        completion=assistant("No."),
        policy="base",
        sample=0,
        seed=1,
        num_tokens=3,
        finish_reason="stop",
    )


NOT_LOADED: Any = None
"""In place of a model and of a tokenizer: `answering` stands in for what would load them."""
LINES = {
    "a flipped letter": lambda line: line.replace(b"No.", b"Ho."),
    "another shape": lambda line: b"[1]\n",
    "other fields": lambda line: sealed_line({"id": "b"}).encode(),
    "an id that is none": lambda line: line.replace(b'"id": "b"', b'"id": []'),
    "not UTF-8": lambda line: line.replace(b"No.", b"\xff\xff."),
}


@pytest.mark.parametrize("damage", LINES.values(), ids=LINES)
def test_a_damaged_answer_is_not_there_and_is_named_once(
    place: Any, damage: Callable[[bytes], bytes]
) -> None:
    lines = [sealed_line(completion(name).to_json()).encode() for name in "abc"]
    (place.work / "answers.0.jsonl").write_bytes(lines[0] + damage(lines[1]) + lines[2])
    assert [row["id"] for row in sample._written(place, sample.SAMPLED, say=True)] == ["a", "c"]
    assert [row["id"] for row in sample._written(place, sample.SAMPLED)] == ["a", "c"]
    (said,) = place.said
    assert "answers.0.jsonl:2: " in said
    assert said.endswith("; made again")


def test_a_damaged_part_of_an_evaluation_is_measured_again_and_a_whole_one_is_not(
    config: Any, place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    @contextmanager
    def answering(*_: object) -> Iterator[tuple[None, None]]:
        yield None, None

    def complete_all(asked: object, writer: Any) -> list[Completion]:
        measured.append(writer.name)
        return [completion("a")]

    monkeypatch.setattr(evaluating, "answering", answering)
    monkeypatch.setattr(evaluating, "complete_all", complete_all)
    shard = evaluating.shard(place, "sft", evaluating.COMPLETIONS, 0)
    for _ in range(2):
        evaluating.measure_policy(config, place, "sft", NOT_LOADED, [], [], NOT_LOADED)
    assert measured == ["sft"]
    whole = shard.read_bytes()
    shard.write_bytes(whole.replace(b"No.", b"Ho."))
    evaluating.measure_policy(config, place, "sft", NOT_LOADED, [], [], NOT_LOADED)
    assert measured == ["sft", "sft"]
    assert shard.read_bytes() == whole
    assert any("made again" in line for line in place.said)
