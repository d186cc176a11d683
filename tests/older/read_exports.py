"""What an older transformers makes of exported directories; it runs in an environment of its own
and knows nothing of Primum.

read_exports.py TASK.json: {"folders": [...], "adapters": [...], "ids": [[...]], "texts": [...],
"chat": [...], "output": "..."}; writes one JSON file.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM, AutoTokenizer

UNKNOWN = "this version does not know the architecture"


def read_adapter(folder: str, task: dict[str, Any]) -> dict[str, Any]:
    """The adapter on its base, as its card says to load it."""
    from peft import AutoPeftModelForCausalLM

    model, tokenizer = (
        AutoPeftModelForCausalLM.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor(task["ids"])).logits.float().tolist()
    return {"logits": logits, "ids": [tokenizer(text)["input_ids"] for text in task["texts"]]}


def read(folder: str, task: dict[str, Any]) -> dict[str, Any] | str:
    if json.loads((Path(folder) / "config.json").read_text())["model_type"] not in CONFIG_MAPPING:
        return UNKNOWN
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    ids = [tokenizer(text)["input_ids"] for text in task["texts"]]
    inputs = tokenizer.apply_chat_template(
        task["chat"], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor(task["ids"])).logits.float().tolist()
        made = model.generate(**inputs, max_new_tokens=8, do_sample=False)
    return {
        "logits": logits,
        "ids": ids,
        "decoded": [tokenizer.decode(row) for row in ids],
        "chat": tokenizer.apply_chat_template(
            task["chat"], tokenize=False, add_generation_prompt=True
        ),
        "made": made.tolist(),
        "special": {
            name: str(token)
            for name, token in tokenizer.special_tokens_map.items()
            if isinstance(token, str)
        },
        "ends": model.generation_config.eos_token_id,
        "dtype": str(getattr(AutoConfig.from_pretrained(folder), "torch_dtype", None)),
    }


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    task = json.loads(Path(sys.argv[1]).read_text())
    found = {folder: read(folder, task) for folder in task["folders"]}
    found |= {folder: read_adapter(folder, task) for folder in task["adapters"]}
    Path(task["output"]).write_text(
        json.dumps({"version": transformers.__version__, "found": found})
    )
