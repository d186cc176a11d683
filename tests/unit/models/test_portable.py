"""What a written model directory says, beside what this transformers needs of it."""

from __future__ import annotations

import copy
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from models.config import ModelConfig
from models.export import export_policy
from models.loading.lineage import Lineage
from models.loading.load import load_model, load_tokenizer
from models.portable import portable_config, portable_tokenizer_config
from records.stage_folder import read_json


def exported(directory: Path, folder: Path) -> Path:
    config = ModelConfig(path=str(directory))
    export_policy(load_model(config), load_tokenizer(config), folder)
    return folder / "policy"


def changed(directory: Path, copy_at: Path, file: str, **settings: object) -> Path:
    shutil.copytree(directory, copy_at)
    path = copy_at / file
    path.write_text(json.dumps({**(read_json(path) if path.is_file() else {}), **settings}))
    return copy_at


def test_positions_are_said_in_old_words_and_new_ones() -> None:
    rope = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0}
    written = portable_config({"model_type": "llama", "dtype": "bfloat16", "rope_parameters": rope})
    assert written["rope_parameters"] == rope
    assert written["rope_theta"] == 5e5
    assert written["rope_scaling"] == {"rope_type": "llama3", "factor": 8.0}
    assert written["torch_dtype"] == written["dtype"] == "bfloat16"


def test_local_and_global_positions_have_words_of_their_own() -> None:
    layers = {
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
        "full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 1e6},
    }
    written = portable_config({"model_type": "gemma3_text", "rope_parameters": layers})
    assert (written["rope_theta"], written["rope_local_base_freq"]) == (1e6, 1e4)
    assert written["rope_scaling"] == {"rope_type": "linear", "factor": 8}


def test_the_language_model_inside_another_is_mended_too() -> None:
    inner = {
        "model_type": "gemma3_text",
        "dtype": "float16",
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e5},
    }
    written = portable_config(
        {
            "model_type": "gemma3",
            "text_config": inner,
            "vision_config": {"model_type": "siglip_vision_model"},
        }
    )
    assert written["text_config"]["rope_theta"] == 1e5
    assert written["text_config"]["torch_dtype"] == "float16"


def test_a_model_without_rotary_positions_gets_none() -> None:
    assert portable_config({"model_type": "gpt2", "n_embd": 8}) == {
        "model_type": "gpt2",
        "n_embd": 8,
    }


def test_the_tokenizer_is_of_a_class_that_every_version_has(
    tiny_directory: Path, tmp_path: Path
) -> None:
    written = read_json(exported(tiny_directory, tmp_path) / "tokenizer_config.json")
    assert written["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert written["model_input_names"] == ["input_ids", "attention_mask"]
    assert written["clean_up_tokenization_spaces"] is False


def test_the_chat_template_is_where_each_version_looks(
    tiny_directory: Path, tmp_path: Path
) -> None:
    policy = exported(tiny_directory, tmp_path)
    template = load_tokenizer(ModelConfig(path=str(tiny_directory))).chat_template
    assert read_json(policy / "tokenizer_config.json")["chat_template"] == template
    assert (policy / "chat_template.jinja").read_text() == template
    assert read_json(policy / "special_tokens_map.json")["eos_token"] == "<|im_end|>"


@pytest.mark.parametrize(
    "settings",
    [
        {"image_token": "<|pad|>"},
        {"additional_special_tokens": ["<|pad|>"]},
        {"tokenizer_class": "GPT2Tokenizer"},
    ],
    ids=["a token of the model's own", "additional tokens", "a class of the model's own"],
)
def test_what_tokenizers_of_the_hub_hold_besides_comes_back(
    settings: dict[str, list[str] | str], tiny_directory: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    base = changed(tiny_directory, tmp_path / "base", "tokenizer_config.json", **settings)
    wanted, found = (
        AutoTokenizer.from_pretrained(base),
        AutoTokenizer.from_pretrained(exported(base, tmp_path / "out")),
    )
    assert found.chat_template == wanted.chat_template
    assert found.special_tokens_map == wanted.special_tokens_map
    assert found.extra_special_tokens == wanted.extra_special_tokens
    assert found("What is asthma?")["input_ids"] == wanted("What is asthma?")["input_ids"]


def test_several_chat_templates_are_written_as_older_versions_list_them(tokenizer: Any) -> None:
    several = copy.deepcopy(tokenizer)
    several.chat_template = {"default": "a", "tool_use": "b"}
    written = portable_tokenizer_config({"tokenizer_class": "TokenizersBackend"}, several)
    assert written["chat_template"] == [
        {"name": "default", "template": "a"},
        {"name": "tool_use", "template": "b"},
    ]


def test_every_file_may_be_read_as_the_umask_allows(tiny_directory: Path, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        exported(tiny_directory, tmp_path)
    finally:
        os.umask(before)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert "model.safetensors" in modes
    assert set(modes.values()) == {0o640}, modes


def test_nothing_of_this_machine_is_in_it(tiny_directory: Path, tmp_path: Path) -> None:
    policy = exported(tiny_directory, tmp_path / "out")
    for path in policy.glob("*.json"):
        assert str(tiny_directory) not in path.read_text(), path.name
        assert str(tmp_path) not in path.read_text(), path.name


SAMPLING = {"temperature": 0.6, "top_p": 0.9, "eos_token_id": [2, 5], "repetition_penalty": 1.1}


def test_the_authors_generation_settings_survive_though_transformers_would_not_save_them(
    tiny_directory: Path, tmp_path: Path
) -> None:
    """Temperature without sampling, as Llama 2 came: once anything else is set on them,
    transformers refuses, after all of training.
    """
    config = ModelConfig(
        path=str(changed(tiny_directory, tmp_path / "base", "generation_config.json", **SAMPLING))
    )
    model = load_model(config)
    model.generation_config.pad_token_id = 0
    export_policy(model, load_tokenizer(config), tmp_path / "out")
    written = read_json(tmp_path / "out" / "policy" / "generation_config.json")
    assert {key: written[key] for key in SAMPLING} == SAMPLING


def test_a_padded_vocabulary_stays_as_long_as_it_was(tmp_path: Path, tokenizer: Any) -> None:
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    sizes = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
    }
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer) + 40, **sizes)).save_pretrained(
        tmp_path / "base"
    )
    copy.deepcopy(tokenizer).save_pretrained(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(exported(tmp_path / "base", tmp_path / "out"))
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer) + 40


def test_a_model_with_its_authors_code_keeps_the_code(tiny_directory: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    auto = {
        "AutoConfig": "configuration_own.OwnConfig",
        "AutoModelForCausalLM": "modeling_own.OwnModel",
    }
    base = changed(
        tiny_directory,
        tmp_path / "base",
        "config.json",
        model_type="own",
        architectures=["OwnModel"],
        auto_map=auto,
    )
    (base / "configuration_own.py").write_text(
        "from transformers import LlamaConfig\nclass OwnConfig(LlamaConfig):\n    model_type = "
        "'own'\n"
    )
    (base / "modeling_own.py").write_text(
        "from transformers import LlamaForCausalLM\nfrom .configuration_own import OwnConfig\n"
        "class OwnModel(LlamaForCausalLM):\n    config_class = OwnConfig\n"
    )
    config = ModelConfig(path=str(base), trust_remote_code=True)
    export_policy(load_model(config), load_tokenizer(config), tmp_path / "out", Lineage(config))
    policy = tmp_path / "out" / "policy"
    assert read_json(policy / "config.json")["auto_map"] == auto
    shutil.rmtree(base)
    assert (
        type(AutoModelForCausalLM.from_pretrained(policy, trust_remote_code=True)).__name__
        == "OwnModel"
    )
