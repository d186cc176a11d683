"""`primum init FILE`: a commented config to start from, or on standard output for `-`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from models.config import EMBEDDED
from pipeline.commands.config import schema_text
from pipeline.run.config_loading import load_config
from pipeline.run.console import say
from records.errors import ArtifactError, ConfigError
from records.escaping import yaml_text
from records.stage_folder import write_text

STDOUT = Path("-")
SAVED = Path("run.yaml")
"""What a starter on standard output takes for its name: where most will send it."""
STARTER = """\
{schema}
# A run of Primum. `primum check {file}` says what would fail, `primum run {file}` does all of it.
# Every setting has a default: what is not here is not needed. `primum config --explain KEY` tells of one.

# Everything that the run leaves. A finished stage is kept; what has changed is done again.
run_dir: {run_dir}
seed: 0

model:
  base:
    # A local directory, a hub id (pin model.base.revision), or smollm2-135m-instruct, which is installed.
    path: {model}
    # For a model without a chat template of its own: chatml, llama2, alpaca, plain or a Jinja file.
    # chat_template: llama2
  adapter: {{kind: lora, rank: 16, alpha: 32}}
  # Tokens of prompt and completion; longer rows are cut, and counted.
  max_length: 512

data:
  sources:
    # Harmful requests with safe completions, and benign twins: the project's own, nothing to fetch.
    - {{name: builtin}}
    # Benign prompts, never trained on: a fifth chooses the epoch, and the rest makes the test large
    # enough for the release gate (docs/gate.md).
    - {{name: builtin_evaluation, format: builtin_evaluation}}
{own_data}
  split: {{val: 0.14, test: 0.25, val_of: {{builtin_evaluation: 0.2}}}}

# Supervised fine-tuning on safe completions, then preference optimisation from there.
sft: {{epochs: 1, learning_rate: 2.0e-4}}
dpo: {{epochs: 1, learning_rate: 5.0e-5, beta: 0.1}}

eval:
  generation: {{max_new_tokens: 256}}
  capability:
    # Perplexity on this many held-out completions: is the medicine still there?
    held_out_texts: 64
    # tasks:
    #   - {{name: medqa, format: medqa, path: data/medqa/phrases_no_exclude_test.jsonl, optional: true}}

release:
  name: {name}
  # Limits hold for ends of intervals (docs/gate.md). Change one here, and say why.
  gate: {{}}

trainer:
  # auto takes a GPU where there is one. On a cluster: docs/cluster.md.
  accelerator: auto
"""
OWN_DATA = """\
    # Yours: JSON Lines, CSV or TRL's formats; say what the rows ask for, and their licence.
    - {{name: mine, format: jsonl, path: {path}, kind: benign}}"""
NO_DATA = "    # - {name: mine, format: jsonl, path: rows.jsonl, kind: benign}"


def init(
    file: Path, *, model: str | None, data: str | None, ask: Callable[[str], str] = input
) -> None:
    """Write the starter; on a terminal the model is asked for where it is not named, on a pipe
    never. For `-` it is printed, and neither is anything asked nor a schema written.

    Raises ArtifactError where the file is there already, and ConfigError where the completions make
    no run.
    """
    if file == STDOUT:
        print(_printed(model, data), end="")
        return
    # Before anything is asked: nobody should answer questions for a file that is not written.
    if file.exists():
        raise ArtifactError(f"{file}: is there already, wanted a new file; name another")
    if model is None and sys.stdin.isatty():
        model = ask(f"model, as a directory or a hub id [{EMBEDDED}]: ").strip() or None
    schema = file.with_name(f"{file.stem}.schema.json")
    text = _starter(file, f"# yaml-language-server: $schema={schema.name}", model, data)
    try:
        # Written first, since load_config reads a file; it goes again where the answers make no
        # run.
        write_text(file, text)
    except OSError as error:
        raise ArtifactError(
            f"{file}: cannot be written ({error.strerror}), wanted a place for a new file; name "
            "another"
        ) from error
    try:
        load_config(file)
    except ConfigError:
        file.unlink()
        raise
    # The schema last: a name that failed leaves no second file behind.
    write_text(schema, schema_text())
    say("init", f"{file}: a run to start from; {schema.name} lets an editor complete and check it")
    say("init", f"next: primum check {file}, then primum run {file}")


def _starter(file: Path, schema: str, model: str | None, data: str | None) -> str:
    """The text of the config `file`; `schema` is the line that tells an editor of its schema."""
    stem = file.stem or "run"
    return STARTER.format(
        schema=schema,
        file=file,
        run_dir=yaml_text(f"runs/{stem}"),
        model=yaml_text(model or EMBEDDED),
        name=yaml_text(stem),
        own_data=OWN_DATA.format(path=yaml_text(data)) if data else NO_DATA,
    )


def _printed(model: str | None, data: str | None) -> str:
    """The starter for standard output, known to be a run."""
    schema = "# For an editor: `primum config --schema` prints the schema of these settings."
    text = _starter(SAVED, schema, model, data)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, SAVED)
        file.write_text(text, encoding="utf-8")
        load_config(file)
    return text
