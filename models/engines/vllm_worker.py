"""vLLM behind a pipe.

Run by the Python that vLLM is installed in, which knows nothing of Primum: `python -I
vllm_worker.py`.

Reads JSON lines and answers each with one. First {"vllm": arguments of vllm.LLM}, answered by
{"ready": vLLM's version}; then {"prompts": token ids of each, "sampling": arguments of
vllm.SamplingParams, "seeds": one a prompt}, answered by {"rows": token ids that were added to
each}. What fails is answered by {"error": ...}. Ends with its input.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from typing import Any


def main() -> None:
    """Answer requests from standard input, a line of JSON each, until it closes."""
    # Registered first, so called last: nothing that vLLM has started may keep the GPU.
    # A group of its own only: in its caller's group the signal would end the caller, too.
    if os.getpid() == os.getpgrp():
        atexit.register(os.killpg, 0, signal.SIGKILL)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # vLLM and what it loads print to standard output
    for answer in answered(json.loads(line) for line in sys.stdin):
        print(json.dumps(answer), file=answers, flush=True)


def answered(requests: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A reply to every request, after one that says that the model is ready."""
    try:
        # Only this file's own Python has it.
        import vllm  # type: ignore[import-not-found]  # noqa: PLC0415

        # Minutes for a large model: "ready" tells the other side when they are over.
        model = vllm.LLM(**next(requests)["vllm"])
        yield {"ready": vllm.__version__}
        for request in requests:
            each = [
                vllm.SamplingParams(**request["sampling"], seed=seed) for seed in request["seeds"]
            ]
            prompts = [{"prompt_token_ids": ids} for ids in request["prompts"]]
            results = model.generate(prompts, each, use_tqdm=False)
            yield {"rows": [list(result.outputs[0].token_ids) for result in results]}
    except Exception as error:  # whatever vLLM raises must reach the other side as one line
        traceback.print_exc()
        yield {"error": (str(error).strip() or type(error).__name__).splitlines()[0]}


if __name__ == "__main__":
    main()
