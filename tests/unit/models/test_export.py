"""What is exported loads with the plain libraries and answers the same, or export says so."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from models import export
from models.adapters.trained import trainable_state
from models.adapters.wrapping import adapt
from models.config import AdapterConfig, ModelConfig
from models.layout.logps import collate
from models.loading.load import load_model, load_tokenizer
from models.tokens import TokenRow
from records.errors import ModelError


@pytest.fixture
def trained(
    request: pytest.FixtureRequest, tiny_directory: Path, tied_directory: Path
) -> tuple[Any, Any]:
    tied, kind = request.param
    config = ModelConfig(path=str(tied_directory if tied else tiny_directory))
    model = adapt(load_model(config), AdapterConfig(kind=kind, rank=4, alpha=8), seed=0)
    torch.manual_seed(1)
    with torch.no_grad():
        for tensor in trainable_state(model).values():
            tensor.add_(0.05 * torch.randn_like(tensor))
    return model, load_tokenizer(config)


KINDS = [(tied, kind) for tied in (False, True) for kind in ("lora", "full")]
NAMES = [f"{'tied' if tied else 'untied'}-{kind}" for tied, kind in KINDS]


@pytest.mark.parametrize("trained", KINDS, ids=NAMES, indirect=True)
def test_the_exported_policy_reloads_equal(
    trained: tuple[Any, Any], tmp_path: Path, rows: list[TokenRow]
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = trained
    batch = collate(rows, 0)
    with torch.no_grad():
        wanted = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
        report = export.export_policy(model, tokenizer, tmp_path)
        got = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")(
            input_ids=batch.input_ids, attention_mask=batch.attention_mask
        ).logits
    assert (got - wanted).abs().max() <= 1e-4
    assert (
        AutoTokenizer.from_pretrained(tmp_path / "policy").chat_template == tokenizer.chat_template
    )
    assert report == json.loads((tmp_path / "export.json").read_text())
    assert max(report[name] for name in ("merged", "policy", "adapter") if name in report) <= 1e-4


@pytest.mark.parametrize("trained", [(False, "lora")], ids=["lora"], indirect=True)
def test_the_exported_adapter_on_its_base_answers_as_the_policy(
    trained: tuple[Any, Any], tmp_path: Path, tiny_directory: Path, rows: list[TokenRow]
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    batch = collate(rows, 0)
    model, tokenizer = trained
    export.export_policy(model, tokenizer, tmp_path)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
    apart = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tiny_directory), tmp_path / "adapter"
    ).eval()
    with torch.no_grad():
        a, b = (
            m(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
            for m in (merged, apart)
        )
    assert (a - b).abs().max() <= 1e-5


@pytest.mark.parametrize(
    "trained", [(False, "full"), (True, "lora")], ids=["untied-full", "tied-lora"], indirect=True
)
def test_a_tensor_that_is_corrupted_on_disk_is_refused(
    trained: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM

    (model, tokenizer), plain = trained, AutoModelForCausalLM.from_pretrained

    def corrupted(where: Path, *args: Any, **options: Any) -> Any:
        file = Path(where) / "model.safetensors"
        if Path(where) == tmp_path / "policy":
            tensors = load_file(file)
            name = "model.layers.1.mlp.down_proj.weight"
            save_file({**tensors, name: tensors[name] + 0.05}, file, metadata={"format": "pt"})
        return plain(where, *args, **options)

    monkeypatch.setattr(
        sys.modules["models.export"].AutoModelForCausalLM, "from_pretrained", corrupted
    )
    with pytest.raises(ModelError, match="logits differ"):
        export.export_policy(model, tokenizer, tmp_path)


def test_an_adapter_on_a_bfloat16_base_is_exported_though_merging_rounds(
    tiny_directory: Path, tmp_path: Path
) -> None:
    """What is written must come back bit for bit; only the merge itself is allowed bfloat16's
    rounding.
    """
    config = ModelConfig(path=str(tiny_directory), dtype="bfloat16")
    model = adapt(load_model(config), AdapterConfig(rank=4, alpha=8), seed=0)
    torch.manual_seed(1)
    with torch.no_grad():
        for tensor in trainable_state(model).values():
            tensor.add_(0.05 * torch.randn_like(tensor))
    report = export.export_policy(model, load_tokenizer(config), tmp_path)
    assert report["merged"] > export.TOLERANCE
    assert (report["policy"], report["adapter"]) == (0, 0)


@pytest.mark.parametrize("trained", [(False, "full")], ids=["full"], indirect=True)
def test_a_policy_that_answers_nan_is_refused(trained: tuple[Any, Any], tmp_path: Path) -> None:
    model, tokenizer = trained
    with torch.no_grad():
        model.model.norm.weight[0] = float("nan")
    with pytest.raises(ModelError, match="logits differ"):
        export.export_policy(model, tokenizer, tmp_path)


def test_a_tokenizer_on_a_full_disk_is_an_error_of_the_disk(tmp_path: Path) -> None:
    """The tokenizers library says it with a bare Exception."""
    import errno

    from models.loading.load import save_tokenizer

    class Full:
        def save_pretrained(self, folder: Path) -> NoReturn:
            raise Exception("No space left on device (os error 28)")

    class Broken:
        def save_pretrained(self, folder: Path) -> NoReturn:
            raise ValueError("no such thing")

    with pytest.raises(OSError, match="No space left") as caught:
        save_tokenizer(Full(), tmp_path)
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(ValueError, match="no such thing"):
        save_tokenizer(Broken(), tmp_path)
