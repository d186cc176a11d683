"""A policy that vLLM answers for, in a process and a Python of its own: vLLM and the training
libraries pin versions that exclude each other.

Token ids go in and come out, so that the same function tokenises prompts for every engine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

import torch

from models.config import EngineName, ModelConfig, VllmConfig
from models.engines import vllm_worker
from models.engines.contract import Asked, Rows, in_batches
from models.engines.decoding import own_generation_config
from models.loading.load import model_location
from records.errors import ModelError, ResourceError

VLLM_ROWS = 512
"""vLLM schedules rows itself, the better the more there are; yet what is written must be kept now
and then."""
CLOSING_SECONDS = 60
# By the package's name, as its distribution may have another.
_VERSION = "import importlib.metadata as m; print(m.version(m.packages_distributions()['vllm'][0]))"
_SECRETS = ("WANDB_API_KEY",)


def vllm_version(config: VllmConfig) -> str:
    """Of the vLLM that `config.python` has; takes a fraction of a second, since nothing of it is
    imported.

    Raises ResourceError for none.
    """
    how = (
        "make one with `python -m venv .venv-vllm && .venv-vllm/bin/pip install vllm`, or set the "
        "engines to transformers"
    )
    try:
        # -I: neither PYTHONPATH nor this folder may hand vLLM's Python our own libraries.
        found = subprocess.run(
            [config.python, "-I", "-c", _VERSION], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else "no answer"
        raise ResourceError(
            f"model.vllm.python={config.python}: cannot be run ({reason}); {how}"
        ) from error
    if found.returncode:
        raise ResourceError(f"model.vllm.python={config.python}: a Python that has no vllm; {how}")
    return found.stdout.strip()


def engine_name(engine: EngineName, config: VllmConfig) -> str:
    """What wrote completions, for records: `transformers`, or vllm with its version.

    Raises ResourceError where it is not there.
    """
    return f"vllm {vllm_version(config)}" if engine == "vllm" else engine


class VllmEngine:
    """An `Engine`; close it to free the GPU.

    `gpus` are those that it may use, one tensor-parallel part each; none is the CPU. `log` takes
    what vLLM prints.
    """

    def __init__(
        self,
        config: VllmConfig,
        model: ModelConfig,
        dtype: torch.dtype,
        *,
        gpus: list[int],
        log: Path,
    ) -> None:
        vllm_version(config)
        self.log = log
        self.generation_config = own_generation_config(model)
        with log.open("ab") as printed:
            self._process: subprocess.Popen[str] = subprocess.Popen(
                [config.python, "-I", vllm_worker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                text=True,
                env=_environment(gpus),
                start_new_session=True,  # so that it can be ended with all that it starts
            )
        self._requests, self._replies = (
            cast(IO[str], self._process.stdin),
            cast(IO[str], self._process.stdout),
        )
        arguments = {
            "model": model_location(model),
            "revision": model.revision,
            "trust_remote_code": model.trust_remote_code,
            "dtype": str(dtype).removeprefix("torch."),
            "skip_tokenizer_init": True,
            "generation_config": "vllm",  # not the sampling settings that a model may bring along
            "disable_log_stats": True,
            "tensor_parallel_size": max(1, len(gpus)),
            "gpu_memory_utilization": config.memory,
            "max_model_len": -1,  # what the model knows, or what fits
        }
        try:
            self._ask({"vllm": arguments})
        # An interrupt as well: a worker left behind would keep the GPU.
        except BaseException:
            self.close(at_once=True)
            raise

    def complete(self, ids: Rows, asked: Asked, done: Callable[[int], object]) -> Rows:
        """The tokens that follow each row."""
        return in_batches(ids, asked, max(asked.config.batch_size, VLLM_ROWS), done, self.write)

    def write(self, ids: Rows, asked: Asked) -> Rows:
        """One batch, which vLLM schedules itself."""
        config = asked.config
        sampling = {
            "max_tokens": config.max_new_tokens,
            "temperature": config.temperature,
            "top_p": config.top_p,
            "stop_token_ids": asked.ends,
            # `stop_token_ids` says it all; vLLM would end at the EOS of the model's config besides.
            "ignore_eos": True,
            "detokenize": False,
        }
        request = {"prompts": ids, "sampling": sampling, "seeds": asked.seeds}
        written: Rows = self._ask(request)["rows"]
        return written

    def close(self, *, at_once: bool = False) -> None:
        """End the worker; `at_once` does not wait for what it is writing."""
        with suppress(BrokenPipeError):
            self._requests.close()
        if not at_once:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(CLOSING_SECONDS)
        with suppress(ProcessLookupError):  # a worker that has ended may have left an engine behind
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._replies.close()

    def __enter__(self) -> VllmEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.close(at_once=kind is not None)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with suppress(BrokenPipeError):  # it has ended, and its log says why
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()
        line = self._replies.readline()
        answer: dict[str, Any] = (
            # A line without its end is what a worker got out before it died.
            json.loads(line) if line.endswith("\n") else {"error": "it ended without an answer"}
        )
        if "error" in answer:
            raise ModelError(f"vLLM: {answer['error']}; what it printed is in {self.log}")
        return answer


def _environment(gpus: list[int]) -> dict[str, str]:
    """Ours, without secrets that vLLM has no use for, without telemetry, and with this rank's GPUs
    only.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    environment |= {
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    if gpus:
        # `gpus` are counted among those that this process may see: where Slurm or a launcher has
        # named them, the n-th name is the n-th GPU.
        seen = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = seen.split(",") if seen else []
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(
            names[gpu] if names else str(gpu) for gpu in gpus
        )
    return environment
