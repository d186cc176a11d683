"""A tiny model and tokenizer built in code: real transformers objects, milliseconds, no network."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings

# A shared machine may stall any example; a property is about values, not about time.
settings.register_profile("primum", deadline=None)
# `make fuzz`: the properties in test_fuzz_*.py, with 14,000 inputs that are new every time.
settings.register_profile("fuzz", deadline=None)
settings.load_profile("primum")

# A shell that runs the tests in its background has them ignore Ctrl-C, and with them every command
# that they start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["WANDB_MODE"] = "disabled"


# One cache for everything that these tests start, in place of the user's: a ledger of test sets
# that tests have opened is nobody's evidence, and the packaged weights (540 MB) are unpacked
# once.
# Workers and the processes of tests inherit it.
CACHE = "PRIMUM_TEST_CACHE"
MADE_HERE = CACHE not in os.environ
if MADE_HERE:
    os.environ[CACHE] = tempfile.mkdtemp(prefix="primum-cache-")
os.environ["PRIMUM_CACHE"] = os.environ[CACHE]


def pytest_unconfigure() -> None:
    if MADE_HERE:
        shutil.rmtree(os.environ[CACHE], ignore_errors=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device",
        choices=["cuda", "cpu"],
        help="where tests/gpu run; left out, on a GPU where there is one",
    )


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Every test draws the same numbers, whatever ran before it: none needs luck."""
    random.seed(0)
    # What no test has imported yet, no test has drawn from.
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(0)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def made_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, Callable[[Path], None]], Path]:
    """A folder by name that the first of pytest's worker processes to ask for it fills and all of
    them read.
    """
    here = tmp_path_factory.getbasetemp()
    everyones = here.parent if "PYTEST_XDIST_WORKER" in os.environ else here

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        folder, done = everyones / name, everyones / f"{name}.made"
        with FileLock(everyones / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # what a worker left that failed here
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_directory(made_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """The tiny policy as a Hugging Face directory."""
    from models.loading.tiny import write_tiny

    return made_once("tiny", write_tiny)


@pytest.fixture(scope="session")
def tied_directory(made_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """The same with one matrix for embeddings and head."""
    from models.loading.tiny import build_model, build_tokenizer

    def fill(folder: Path) -> None:
        tokenizer = build_tokenizer()
        build_model(len(tokenizer), tied=True, seed=3).save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    return made_once("tied", fill)


@pytest.fixture(scope="session")
def tokenizer(tiny_directory: Path) -> Any:
    from models.config import ModelConfig
    from models.loading.load import load_tokenizer

    return load_tokenizer(ModelConfig(path=str(tiny_directory)))


@pytest.fixture
def tiny_model(tiny_directory: Path) -> Any:
    from models.config import ModelConfig
    from models.loading.load import load_model

    return load_model(ModelConfig(path=str(tiny_directory)))


@pytest.fixture(scope="session")
def vllm_stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has only tests/vllm_stand_in.py, as vllm."""
    folder = tmp_path_factory.mktemp("vllm") / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = Path(
        sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
    )
    shutil.copy(Path(__file__).parent / "vllm_stand_in.py", packages / "vllm.py")
    (packages / "vllm-0.0.dist-info").mkdir()
    (packages / "vllm-0.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: vllm\nVersion: 0.0\n"
    )
    (packages / "vllm-0.0.dist-info" / "top_level.txt").write_text("vllm\n")
    return folder / "bin" / "python"


EXCUSED = (
    "needs a CPU with bfloat16",
    "PRIMUM_TEST_DATA",
    "PRIMUM_VLLM_PYTHON",
    "lm_eval",
    "inspect_ai",
)
"""In the reasons of skips for want of what no installation brings."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where every tool is installed (PRIMUM_REQUIRE_TOOLS), a test that skips for want of one
    fails; GPUs, the processor, the user's data, vLLM, lm_eval and inspect_ai are no tools.
    """
    report = yield
    excused = item.get_closest_marker("gpu") or any(
        name in str(report.longrepr) for name in EXCUSED
    )
    if (
        report.skipped
        and not hasattr(report, "wasxfail")
        and os.environ.get("PRIMUM_REQUIRE_TOOLS")
        and not excused
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped for want of a tool, which must be there: {report.longrepr}"
    return report
