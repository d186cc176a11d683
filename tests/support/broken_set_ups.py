"""Set-ups that are each broken in one way, with what `primum check` says of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

SCRIPT = """\
#!/usr/bin/env bash
#SBATCH --job-name=dpo
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=2
#SBATCH --gpus-per-node=2
#SBATCH --time=12:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
. "$SLURM_SUBMIT_DIR/slurm/env.sh"
primum_step dpo "$@"
"""


class SetUp:
    """A model, a config and a script in a folder; tests break one of them."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model = folder, folder / "model"
        shutil.copytree(model, self.model)
        self.config = folder / "run.yaml"
        self.config.write_text(
            f"run_dir: {folder}/run\nmodel: {{base: {{path: {self.model}}}, max_length: 512}}\n"
            "data: {sources: [{name: builtin}]}\ntrainer: {accelerator: cpu}\nwandb: "
            "{mode: disabled}\n"
        )
        self.script = folder / "job.sh"
        self.script.write_text(SCRIPT)
        self.overrides: list[str] = []
        self.options: list[str] = []

    def lines(self, old: str, new: str) -> None:
        text = self.script.read_text()
        assert old in text
        self.script.write_text(text.replace(old, new))

    def model_json(self, name: str, **changes: Any) -> None:
        path = self.model / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


Broken = Callable[[SetUp], object]


def no_model(s: SetUp) -> None:
    shutil.rmtree(s.model)


def no_vllm(s: SetUp) -> None:
    s.overrides = ["eval.engine=vllm", "model.vllm.python=nowhere/python"]


def no_weights(s: SetUp) -> None:
    (s.model / "model.safetensors").unlink()


def cut_off_weights(s: SetUp) -> None:
    weights = s.model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def a_missing_shard(s: SetUp) -> None:
    (s.model / "model.safetensors").unlink()
    (s.model / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors"}})
    )


def broken_model_config(s: SetUp) -> None:
    (s.model / "config.json").write_text("{")


def unknown_architecture(s: SetUp) -> None:
    s.model_json("config.json", model_type="no_such_model")


def no_chat_template(s: SetUp) -> None:
    (s.model / "chat_template.jinja").unlink()


def template_without_the_user(s: SetUp) -> None:
    (s.model / "chat_template.jinja").write_text(
        "{% for m in messages %}{% if m['role'] == 'assistant' %}{{ m['content'] }}{% "
        "endif %}{% endfor %}"
    )


def template_that_fails(s: SetUp) -> None:
    (s.model / "chat_template.jinja").write_text("{{ messages[7]['content'] }}")


def template_that_rewrites_the_prompt(s: SetUp) -> None:
    (s.model / "chat_template.jinja").write_text(
        "{{ messages | length }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )


def no_end_token(s: SetUp) -> None:
    (s.model / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor "
        "%}assistant: "
    )


def override(*words: str) -> Broken:
    return lambda s: s.overrides.extend(words)


def script(old: str, new: str) -> Broken:
    return lambda s: s.lines(old, new)


def all_of(*breaks: Broken) -> Broken:
    def break_it(s: SetUp) -> None:
        for each in breaks:
            each(s)

    return break_it


def a_file_for_a_run_directory(s: SetUp) -> None:
    (s.folder / "run").write_text("")


def online_wandb(s: SetUp) -> None:
    s.overrides.append("wandb.mode=online")


BROKEN: dict[str, tuple[Broken, str]] = {
    "the model directory is not there": (no_model, "no such directory"),
    "no weights": (no_weights, "no weights"),
    "no vllm": (no_vllm, "model.vllm.python=nowhere/python: cannot be run"),
    "weights cut off in download": (cut_off_weights, "cut off"),
    "a shard is missing": (a_missing_shard, "named in the index but not there"),
    "config.json is broken": (broken_model_config, "config.json cannot be used"),
    "an unknown architecture": (unknown_architecture, "cannot be used"),
    "a hub model that is not in the cache": (
        override("model.base.path=nobody/no-such-model"),
        "primum fetch",
    ),
    "an embedding model that is not there": (
        override("data.embedding.model=/nowhere/minilm"),
        "data.embedding.model=/nowhere/minilm: no such directory",
    ),
    "an embedding model that is not in the cache": (
        override("data.embedding.model=nobody/no-such-model"),
        "data.embedding.model=nobody/no-such-model: not in the cache",
    ),
    "no chat template": (no_chat_template, "model.base.chat_template"),
    "an unknown chat template": (override("model.base.chat_template=chatxml"), "chatml, llama2"),
    "a template that leaves the user out": (
        template_without_the_user,
        "not in the rendered prompt",
    ),
    "a template that fails": (template_that_fails, "cannot be rendered"),
    "a template that rewrites the prompt": (template_that_rewrites_the_prompt, "chat template"),
    "no end token": (no_end_token, "no end token"),
    "rows longer than the model's positions": (
        override("model.max_length=100000"),
        "knows positions up to",
    ),
    "prompts that leave no room": (override("model.max_length=24"), "more than half of it"),
    "layers for LoRA that do not exist": (
        override("model.adapter.target_modules=nothing"),
        "no such layers",
    ),
    "a source that is not there": (
        override("data.sources.0.format=jsonl", "data.sources.0.path=/nowhere.jsonl"),
        "/nowhere.jsonl",
    ),
    "a suite that is not there": (
        override("eval.suites=[{name: mine, path: /nowhere.csv}]"),
        "/nowhere.csv",
    ),
    "batches smaller than the ranks": (
        override("dpo.global_batch_size=1"),
        "fewer rows a step than the 2 ranks",
    ),
    "a run directory that cannot be one": (a_file_for_a_run_directory, "run"),
    "online wandb without a key": (online_wandb, "WANDB_API_KEY"),
    "a GPU run with a CPU build of torch": (override("trainer.accelerator=gpu"), "GPU support"),
    "GPUs too small": (
        override("trainer.accelerator=gpu", "trainer.micro_batch_tokens=100000000"),
        "a GPU has 80",
    ),
    "an unknown key": (override("dpo.betta=0.2"), "did you mean 'dpo.beta'"),
    "a value of the wrong kind": (override("dpo.beta=zero"), "dpo.beta"),
    "no shebang": (script("#!/usr/bin/env bash", "# a job"), "#!"),
    "no ranks started": (script("primum_step dpo", "echo"), "starts no ranks"),
    "no tasks per node": (script("#SBATCH --ntasks-per-node=2\n", ""), "--ntasks-per-node"),
    "more tasks than GPUs": (
        all_of(
            script("--gpus-per-node=2", "--gres=gpu:a100:1"),
            override("trainer.accelerator=gpu"),
        ),
        "make them equal",
    ),
    "a log that a requeue empties": (
        script("#SBATCH --open-mode=append\n", ""),
        "--open-mode=append",
    ),
    "a log in a folder that is not there": (
        script("#SBATCH --requeue", "#SBATCH --output=/nowhere/%j.log"),
        "Slurm makes no folders",
    ),
    "no notice before the time limit": (
        script("#SBATCH --signal=USR1@300\n", ""),
        "--signal=USR1@300",
    ),
    "notice to the shell only": (script("USR1@300", "B:USR1@300"), "leave out B so that"),
    "a time that Slurm does not read": (script("12:00:00", "half a day"), "--time"),
    "a node with too little memory": (
        script("#SBATCH --requeue", "#SBATCH --mem=1K"),
        "reads the whole model",
    ),
    "a policy that the GPUs of a task cannot hold": (
        all_of(
            script("primum_step dpo", "primum_step eval"),
            script("--gpus-per-node=2", "--gpus-per-node=4"),
            override("trainer.accelerator=gpu", "--gpu-gb=0.00001"),
        ),
        "it is spread over them",
    ),
    "offload without DeepSpeed": (
        override("trainer.offload=cpu"),
        "needs trainer.strategy=deepspeed",
    ),
    "offload to a disk that is not named": (
        override("trainer.offload=nvme", "trainer.strategy=deepspeed", "trainer.zero_stage=3"),
        "trainer.offload_path",
    ),
    "no such script": (lambda s: s.script.unlink(), "no job script"),
}
