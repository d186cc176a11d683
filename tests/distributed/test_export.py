"""A checkpoint of every strategy becomes a plain Hugging Face directory; a damaged shard is
named.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from present import present
from safetensors.torch import load_file

from models.adapters.trained import load_trainable_state
from models.adapters.wrapping import adapt, merge
from models.config import AdapterConfig, LanguageModelConfig, ModelConfig
from models.loading.load import load_model
from pipeline.commands.export import export
from pipeline.run.config import RunConfig
from records.errors import ArtifactError
from records.stage_folder import StageDirectory
from train.engine.checkpoint_files import latest_checkpoint

pytestmark = pytest.mark.distributed
CASES = [f"sft-{kind}-zero{stage}" for kind in ("lora", "full") for stage in (1, 2, 3)]


@pytest.fixture(scope="module", params=["untied", "tied"])
def trained(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_directory: Path,
    tied_directory: Path,
    run_ranks: Callable[..., str],
) -> tuple[Path, Path]:
    directory = tied_directory if request.param == "tied" else tiny_directory
    out = tmp_path_factory.mktemp("trained")
    run_ranks(directory, out, CASES)
    return directory, out


def run_of(trained: tuple[Path, Path], case: str, run_dir: Path) -> RunConfig:
    """A run whose SFT was cut off after its last checkpoint, which is that of the case."""
    directory, out = trained
    work = StageDirectory(run_dir / "sft").work
    shutil.copytree(out / case / "checkpoints", work / "checkpoints")
    adapter = AdapterConfig(kind=case.split("-")[1], rank=4, alpha=8)
    return RunConfig(
        run_dir=str(run_dir),
        model=LanguageModelConfig(base=ModelConfig(path=str(directory)), adapter=adapter),
    )


@pytest.mark.parametrize("case", CASES)
def test_a_checkpoint_becomes_a_directory_that_plain_transformers_loads(
    case: str, trained: tuple[Path, Path], tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    config = run_of(trained, case, tmp_path / "run")
    export(config, "sft", tmp_path / "out")
    model = adapt(load_model(config.model.base), config.model.adapter, seed=0)
    load_trainable_state(model, load_file(trained[1] / f"{case}.safetensors"))
    ids = torch.arange(5, 45)[None]
    with torch.no_grad():
        wanted = merge(model)(input_ids=ids).logits
        got = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "policy")(
            input_ids=ids
        ).logits
    assert (got - wanted).abs().max() <= 1e-5


def test_a_damaged_shard_is_named(trained: tuple[Path, Path], tmp_path: Path) -> None:
    config = run_of(trained, CASES[-1], tmp_path / "run")
    checkpoint = present(latest_checkpoint(tmp_path / "run" / "sft" / "work" / "checkpoints"))
    shard = checkpoint / "tensors-1.pt"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF  # one bit pattern turned over: the size stays
    shard.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"tensors-1\.pt: damaged"):
        export(config, "sft", tmp_path / "out")


def test_what_cannot_be_exported_says_why(trained: tuple[Path, Path], tmp_path: Path) -> None:
    config = run_of(trained, CASES[0], tmp_path / "run")
    with pytest.raises(ArtifactError, match="no checkpoint yet"):
        export(config, "dpo", tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    with pytest.raises(ArtifactError, match="not empty"):
        export(config, "sft", tmp_path / "full")
