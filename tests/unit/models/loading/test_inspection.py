"""What a folder or a cached hub id holds instead of a model to train is named as what it is, before
a weight is read.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from models.config import ModelConfig
from models.loading.inspection import model_faults, require_model
from models.loading.load import load_tokenizer
from records.errors import ModelError


@pytest.fixture
def folder(tmp_path: Path, tiny_directory: Path) -> Path:
    return Path(shutil.copytree(tiny_directory, tmp_path / "model"))


def changed(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def adapter(folder: Path, base: str) -> None:
    for file in folder.iterdir():
        file.unlink()
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": base})
    )


def test_a_whole_model_has_no_faults(folder: Path) -> None:
    assert model_faults(ModelConfig(path=str(folder))) == []
    require_model(ModelConfig(path=str(folder)))


@pytest.mark.parametrize("beside_a_model", [True, False])
def test_an_adapter_is_called_one_and_how_to_merge_it_is_said(
    folder: Path, beside_a_model: bool
) -> None:
    # transformers would load the adapter's base instead of the weights beside it.
    if beside_a_model:
        (folder / "adapter_config.json").write_text(
            json.dumps({"base_model_name_or_path": "epfl-llm/meditron-7b"})
        )
    else:
        adapter(folder, "epfl-llm/meditron-7b")
    (fault,) = model_faults(ModelConfig(path=str(folder)))
    for words in (
        f"model.base.path={folder}",
        "a LoRA adapter of epfl-llm/meditron-7b",
        "merge_and_unload",
        "wanted a whole model",
    ):
        assert words in fault


def test_the_lines_that_merge_an_adapter_do_so(
    folder: Path,
    tmp_path: Path,
    tiny_model: Any,
    tiny_directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    from models.adapters.wrapping import adapt
    from models.config import AdapterConfig

    adapted = adapt(tiny_model, AdapterConfig(rank=2, alpha=4), seed=0)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.1)
    shutil.rmtree(folder)
    adapted.save_pretrained(folder)
    ids = torch.tensor([[1, 5, 9]])
    wanted = adapted(input_ids=ids).logits
    (fault,) = model_faults(ModelConfig(path=str(folder)))
    monkeypatch.chdir(tmp_path)
    exec("\n".join(line.strip() for line in fault.partition("'merged': ")[2].split(";")), {})
    assert model_faults(ModelConfig(path="./merged")) == []
    load_tokenizer(ModelConfig(path="./merged"))
    from models.loading.load import load_model

    assert torch.allclose(
        load_model(ModelConfig(path="./merged"))(input_ids=ids).logits, wanted, atol=1e-5
    )


def test_an_adapter_in_the_cache_of_the_hub_is_called_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.loading import inspection

    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps({"base_model_name_or_path": "org/base"}))
    monkeypatch.setattr(
        inspection, "cached_file", lambda path, name, **_: str(file) if name == file.name else None
    )
    (fault,) = model_faults(ModelConfig(path="org/adapter"))
    assert fault.startswith("model.base.path=org/adapter: a LoRA adapter of org/base")


def test_an_adapter_on_the_hub_is_called_one_where_there_is_internet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    from models.loading import inspection

    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps({"base_model_name_or_path": "org/base"}))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(inspection, "hub_is_away", lambda: False)
    monkeypatch.setattr(
        inspection,
        "cached_file",
        lambda path, name, *, local_files_only, **_: (
            None if local_files_only or name != file.name else str(file)
        ),
    )
    with pytest.raises(
        ModelError, match=r"model\.base\.path=org/adapter: a LoRA adapter of org/base"
    ):
        require_model(ModelConfig(path="org/adapter"))


def test_a_hub_that_does_not_answer_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not again for every file of the model, half a minute each."""
    import huggingface_hub

    asked = []

    class Away:
        def head(self, address: str, **_: object) -> None:
            asked.append(address)
            raise OSError("no route to host")

        def __getattr__(self, name: str) -> NoReturn:
            raise AssertionError(f"asked by {name} too")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(huggingface_hub, "get_session", Away)
    for _ in range(2):
        with pytest.raises(
            ModelError, match=r"^nobody/model: not in the cache.*hf download nobody"
        ):
            require_model(ModelConfig(path="nobody/model"), "")
    assert len(asked) == 1


def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    (fault,) = model_faults(ModelConfig(path=str(tmp_path)), "")
    assert fault.startswith(f"{tmp_path}: no config.json there; wanted a Hugging Face model")


@pytest.mark.parametrize("method", ["awq", "gptq", "bitsandbytes", "compressed-tensors"])
def test_quantised_weights_are_refused_by_their_method(folder: Path, method: str) -> None:
    changed(folder / "config.json", quantization_config={"quant_method": method, "bits": 4})
    with pytest.raises(
        ModelError, match=rf"quantised \({method}\).*name the model that it was quantised from"
    ):
        require_model(ModelConfig(path=str(folder)))


def test_a_gguf_is_no_model_directory(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    (fault,) = model_faults(ModelConfig(path=str(tmp_path)))
    assert "holds a GGUF file" in fault


def test_a_folder_of_models_names_the_one_below(folder: Path) -> None:
    (fault,) = model_faults(ModelConfig(path=str(folder.parent)))
    assert f"set it to {folder}" in fault


def test_code_of_the_model_is_not_run_unasked(folder: Path) -> None:
    changed(
        folder / "config.json", model_type="own", auto_map={"AutoConfig": "configuration_own.Own"}
    )
    (fault,) = model_faults(ModelConfig(path=str(folder)))
    assert "set model.base.trust_remote_code=true" in fault


@pytest.mark.parametrize(
    "path", ["/nowhere/model", "./nowhere", "a/b/c", "no-such-name", "nobody/no-such-model"]
)
def test_a_model_that_is_not_there_is_named_with_its_setting(path: str) -> None:
    (fault,) = model_faults(ModelConfig(path=path), "data.embedding.model")
    assert fault.startswith(f"data.embedding.model={path}: ")


TURNS = (
    "{% for m in messages %}{{ m['role'] + ':' + m['content'] + eos_token }}{% endfor "
    "%}{% if add_generation_prompt %}assistant:{% endif %}"
)
NAMED = [{"name": "default", "template": f"D{TURNS}"}, {"name": "tool_use", "template": "T"}]


@pytest.fixture
def with_templates(folder: Path) -> Callable[[list[dict[str, str]]], ModelConfig]:
    def write(named: list[dict[str, str]]) -> ModelConfig:
        (folder / "chat_template.jinja").unlink()
        changed(folder / "tokenizer_config.json", chat_template=named)
        return ModelConfig(path=str(folder))

    return write


def test_of_several_named_templates_the_default_is_used(
    with_templates: Callable[[list[dict[str, str]]], ModelConfig],
) -> None:
    tokenizer = load_tokenizer(with_templates(NAMED))
    assert (
        tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
        == "Duser:x<|im_end|>"
    )


def test_named_templates_without_a_default_are_refused(
    with_templates: Callable[[list[dict[str, str]]], ModelConfig],
) -> None:
    config = with_templates(
        [{"name": "rag", "template": "R"}, {"name": "tool_use", "template": "T"}]
    )
    with pytest.raises(
        ModelError,
        match=r"named rag, tool_use and none named default.*set model\.base\.chat_template",
    ):
        load_tokenizer(config)


def test_a_template_of_the_config_stands_before_named_ones(
    with_templates: Callable[[list[dict[str, str]]], ModelConfig], tmp_path: Path
) -> None:
    config = with_templates(NAMED[1:])
    (tmp_path / "own.jinja").write_text(f"O{TURNS}")
    assert (
        load_tokenizer(
            ModelConfig(path=config.path, chat_template=str(tmp_path / "own.jinja"))
        ).chat_template
        == f"O{TURNS}"
    )
