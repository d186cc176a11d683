"""A tiny model and tokenizer built in code: real transformers objects, milliseconds, no network."""

from __future__ import annotations

import os
import shutil
import signal
import sysconfig
import venv
from pathlib import Path

import pytest
from hypothesis import settings

# A shared machine may stall any example; a property is about values, not about time.
settings.register_profile("primum", deadline=None)
# `make fuzz`: the properties in test_fuzz_readers.py, with 10,000 inputs that are new every time.
settings.register_profile("fuzz", deadline=None)
settings.load_profile("primum")

# A shell that runs the tests in its background has them ignore Ctrl-C, and with them every command that they start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["WANDB_MODE"] = "disabled"

CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def build_tokenizer(vocabulary: int = 600):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from data_prep.config import SourceConfig
    from data_prep.records import text_of
    from data_prep.sources import builtin

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    texts = [text_of(messages) for demo in builtin.read(SourceConfig())[::4] for messages in (demo.prompt, demo.completion)]
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|pad|>", bos_token="<|im_start|>", eos_token="<|im_end|>")
    fast.chat_template = CHAT_TEMPLATE
    return fast


def build_model(vocabulary: int, *, tied: bool = False, seed: int = 0):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=tied,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="session")
def tiny_directory(tmp_path_factory) -> Path:
    """The tiny policy as a Hugging Face directory."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = build_tokenizer()
    build_model(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tied_directory(tmp_path_factory) -> Path:
    """The same with one matrix for embeddings and head."""
    folder = tmp_path_factory.mktemp("models") / "tied"
    tokenizer = build_tokenizer()
    build_model(len(tokenizer), tied=True, seed=3).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tiny_directory):
    from models.config import ModelConfig
    from models.load import load_tokenizer

    return load_tokenizer(ModelConfig(path=str(tiny_directory)))


@pytest.fixture
def tiny_model(tiny_directory):
    from models.config import ModelConfig
    from models.load import load_model

    return load_model(ModelConfig(path=str(tiny_directory)))


@pytest.fixture(scope="session")
def vllm_stand_in(tmp_path_factory) -> Path:
    """The Python of an environment that has only tests/vllm_stand_in.py, as vllm."""
    folder = tmp_path_factory.mktemp("vllm") / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    shutil.copy(Path(__file__).parent / "vllm_stand_in.py", packages / "vllm.py")
    (packages / "vllm-0.0.dist-info").mkdir()
    (packages / "vllm-0.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.0\n")
    (packages / "vllm-0.0.dist-info" / "top_level.txt").write_text("vllm\n")
    return folder / "bin" / "python"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where every tool is installed (PRIMUM_REQUIRE_TOOLS), a test that skips for want of one fails; GPUs, the user's data and vLLM are no tools."""
    report = yield
    excused = item.get_closest_marker("gpu") or any(name in str(report.longrepr) for name in ("PRIMUM_TEST_DATA", "PRIMUM_VLLM_PYTHON"))
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("PRIMUM_REQUIRE_TOOLS") and not excused:
        report.outcome = "failed"
        report.longrepr = f"skipped for want of a tool, which must be there: {report.longrepr}"
    return report
