"""vLLM in a process of its own: the seam with a stand-in, and the same completions as transformers
with the real one.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from models.config import GenerationConfig, ModelConfig, VllmConfig
from models.engines.contract import Asked
from models.engines.generate import generate, go_on
from models.engines.vllm_engine import VllmEngine, _environment, vllm_version
from models.tokens import prompt_ids
from records.errors import ModelError, ResourceError
from records.rows import user

pytestmark = pytest.mark.process

PROMPTS = [
    user(text)
    for text in (
        "Hi",
        "What is asthma?",
        "How much water should I drink a day when it is hot?",
        "Why?",
    )
]
ROOT = Path(__file__).parents[4]
GREEDY = GenerationConfig(max_new_tokens=12, batch_size=3, dtype="float32")


@pytest.fixture
def stand_in(vllm_stand_in: Path) -> VllmConfig:
    return VllmConfig(python=str(vllm_stand_in))


@pytest.fixture
def started(stand_in: VllmConfig, tiny_directory: Path, tmp_path: Path) -> Iterator[VllmEngine]:
    with VllmEngine(
        stand_in,
        ModelConfig(path=str(tiny_directory)),
        torch.float32,
        gpus=[],
        log=tmp_path / "vllm.log",
    ) as engine:
        yield engine


def ends(pid: int) -> bool:
    """Whether the process has ended or does so within half a minute."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(process) as waited:
        return bool(select.select([waited], [], [], 30)[0])


def engine_of(log: Path) -> int:
    found = re.search(r"engine (\d+)", log.read_text())
    assert found, log.read_text()
    return int(found[1])


def test_prompts_reach_it_as_the_token_ids_of_transformers_and_completions_keep_their_order(
    started: VllmEngine, tokenizer: Any
) -> None:
    starts = ["Yes", "", "", "So"]
    settings = GenerationConfig(max_new_tokens=100, batch_size=3)
    answers = go_on(started, tokenizer, PROMPTS, starts, settings)
    for prompt, start, answer in zip(PROMPTS, starts, answers, strict=True):
        ids = [
            *prompt_ids(tokenizer, prompt),
            *tokenizer(start, add_special_tokens=False)["input_ids"],
        ]
        backwards = ids[::-1]
        kept = (
            backwards[: backwards.index(tokenizer.eos_token_id)]
            if tokenizer.eos_token_id in backwards
            else backwards
        )
        assert answer.text == tokenizer.decode(kept, skip_special_tokens=True).strip()
        assert answer.finish_reason == "stop"
        assert answer.num_tokens == len(kept) + 1


def test_it_gets_hundreds_of_prompts_at_once_to_schedule_itself(
    started: VllmEngine, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, write = [], started.write

    def watched(ids: list[list[int]], *rest: Any) -> list[list[int]]:
        asked.append(len(ids))
        return write(ids, *rest)

    monkeypatch.setattr(started, "write", watched)
    answers = generate(
        started, tokenizer, PROMPTS * 200, GenerationConfig(max_new_tokens=4, batch_size=3)
    )
    assert asked == [512, 288]
    assert answers[:4] == answers[4:8] == answers[-4:]


def test_an_answer_cut_by_the_limit_says_so(started: VllmEngine, tokenizer: Any) -> None:
    answer = generate(
        started,
        tokenizer,
        [user("What is asthma?")],
        GenerationConfig(max_new_tokens=2),
    )[0]
    assert (answer.finish_reason, answer.num_tokens) == ("length", 2)


def test_closing_ends_the_worker_and_what_it_started(
    stand_in: VllmConfig, tiny_directory: Path, tmp_path: Path
) -> None:
    log = tmp_path / "vllm.log"
    with VllmEngine(
        stand_in, ModelConfig(path=str(tiny_directory)), torch.float32, gpus=[], log=log
    ):
        engine = engine_of(log)
        os.kill(engine, 0)  # is there
    assert ends(engine)
    assert "a line that libraries print" in log.read_text()


def test_a_model_that_vllm_refuses_is_told_in_one_line_with_the_log(
    stand_in: VllmConfig, tmp_path: Path
) -> None:
    log = tmp_path / "vllm.log"
    with pytest.raises(ModelError) as told:
        VllmEngine(stand_in, ModelConfig(path="org/broken"), torch.float32, gpus=[], log=log)
    assert str(told.value) == f"vLLM: no such model; what it printed is in {log}"
    assert "ValueError: no such model" in log.read_text()


def test_a_worker_that_dies_while_it_writes_is_told_and_leaves_nothing_behind(
    stand_in: VllmConfig, tiny_directory: Path, tmp_path: Path
) -> None:
    log = tmp_path / "vllm.log"
    policy = ModelConfig(path=str(tiny_directory))
    with (
        pytest.raises(ModelError, match="it ended without an answer"),
        VllmEngine(stand_in, policy, torch.float32, gpus=[], log=log) as engine,
    ):
        engine.write([[7, 7]], Asked(GREEDY, [2], [0]))
    assert ends(engine_of(log))


def test_a_python_that_cannot_be_run_or_has_no_vllm_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"cannot be run .*make one with"):
        vllm_version(VllmConfig(python=str(tmp_path / "none" / "python")))
    venv.create(tmp_path / "empty", with_pip=False, symlinks=True)
    with pytest.raises(ResourceError, match="has no vllm; make one with"):
        vllm_version(VllmConfig(python=str(tmp_path / "empty" / "bin" / "python")))


def test_it_ends_when_the_run_is_killed(
    stand_in: VllmConfig, tiny_directory: Path, tmp_path: Path
) -> None:
    log = tmp_path / "vllm.log"
    start = (
        "import os, pathlib, signal, sys, torch; from models.config import *; from "
        "models.engines.vllm_engine import VllmEngine;engine = "
        f"VllmEngine(VllmConfig(python={stand_in.python!r}), "
        f"ModelConfig(path={str(tiny_directory)!r}), torch.float32, gpus=[], "
        f"log=pathlib.Path({str(log)!r}));print(engine._process.pid, flush=True); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert ends(int(ended.stdout))
    assert ends(engine_of(log))


def test_it_gets_its_own_gpus_and_neither_secrets_nor_telemetry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,GPU-c")
    given = _environment([1, 2])
    assert given["CUDA_VISIBLE_DEVICES"] == "GPU-b,GPU-c"
    assert "WANDB_API_KEY" not in given
    assert given["VLLM_NO_USAGE_STATS"] == "1"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert _environment([3])["CUDA_VISIBLE_DEVICES"] == "3"
    assert "CUDA_VISIBLE_DEVICES" not in _environment([])


def test_the_real_vllm_writes_what_transformers_writes(tmp_path: Path) -> None:
    python = os.environ.get("PRIMUM_VLLM_PYTHON")
    if not python:
        pytest.skip("set PRIMUM_VLLM_PYTHON to a Python that has vllm to test with the real one")
    from models.loading.load import load_model, load_tokenizer

    policy, config = (
        ModelConfig(),
        GenerationConfig(max_new_tokens=32, batch_size=8, dtype="float32"),
    )
    tokenizer = load_tokenizer(policy)
    expected = generate(load_model(policy), tokenizer, PROMPTS, config)
    drawn = GenerationConfig(max_new_tokens=16, batch_size=8, temperature=1.0, top_p=0.9)
    with VllmEngine(
        VllmConfig(python=python, memory=0.3),
        policy,
        torch.float32,
        gpus=[],
        log=tmp_path / "vllm.log",
    ) as engine:
        assert generate(engine, tokenizer, PROMPTS, config) == expected
        first, again, other = (
            generate(engine, tokenizer, PROMPTS, drawn, seeds=[seed] * len(PROMPTS))
            for seed in (1, 1, 2)
        )
    assert first == again
    assert first != other
