"""The device that these tests are for, and small models whose heads a GPU's kernels take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from device_training import Trained, train

from models.config import ModelConfig
from models.tokens import TokenRow


@pytest.fixture(scope="session")
def device(pytestconfig: pytest.Config) -> torch.device:
    """`--device`; left out, the GPU where there is one."""
    wanted = pytestconfig.getoption("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda" and not torch.cuda.is_available():
        pytest.fail("--device cuda: torch sees no GPU on this machine", pytrace=False)
    return torch.device(wanted)


@pytest.fixture
def on_gpu(device: torch.device) -> None:
    """For what says nothing about a CPU."""
    if device.type != "cuda":
        pytest.skip("says nothing about a CPU")


@pytest.fixture(autouse=True)
def few_threads(device: torch.device) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def llama(vocabulary: int, **changes: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    small = {
        "hidden_size": 96,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
    }
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, **{**small, **changes})).eval()


@pytest.fixture(scope="session")
def made_llama() -> Callable[..., Any]:
    """Makes a Llama of two layers, three query heads of 16 to a key-value head."""
    return llama


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> ModelConfig:
    """The same as a directory, for the stages' own way of loading."""
    folder = tmp_path_factory.mktemp("models") / "llama"
    ends = {
        name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")
    }
    llama(len(tokenizer), **ends).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return ModelConfig(path=str(folder))


@pytest.fixture(scope="session")
def drawn_rows() -> Callable[[int, int], list[TokenRow]]:
    """Makes `count` rows of `length` tokens that begin alike."""

    def drawn(count: int, length: int) -> list[TokenRow]:
        generator = torch.Generator().manual_seed(count + length)
        shared = min(20, length // 2)
        begin = torch.randint(3, 90, (shared,), generator=generator).tolist()
        tails = [
            torch.randint(100, 500, (length - shared,), generator=generator).tolist()
            for _ in range(count)
        ]
        return [TokenRow([*begin, *tail], [0] * shared + [1] * len(tail), False) for tail in tails]

    return drawn


@pytest.fixture(scope="session")
def wanted(
    start: ModelConfig, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Trained]:
    """What a training ends with on a CPU in float32, trained when first asked for."""
    known: dict[tuple[str, str], Trained] = {}

    def trained(job: str, kind: str) -> Trained:
        if (job, kind) not in known:
            known[job, kind] = train(
                job,
                kind,
                start,
                tokenizer,
                tmp_path_factory.mktemp(f"{job}-{kind}"),
                accelerator="cpu",
            )
        return known[job, kind]

    return trained


@pytest.fixture
def accelerator(device: torch.device) -> str:
    return {"cuda": "gpu", "cpu": "cpu"}[device.type]
