"""The public suites as they are; skipped unless PRIMUM_TEST_DATA names the folder that holds
them.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from eval.suites.registry import load
from records.rows import text_of

WANTED = {
    ("xstest", "xstest"): {"xstest_safe": 250, "xstest_unsafe": 200},
    # 686 rows, of which some ask the same.
    ("kqa", "kqa"): {"kqa": 560},
    ("medquad", "medquad"): {"medquad": 1925},
    ("strongreject", "strongreject"): {"strongreject": 157},
    ("harmbench", "harmbench"): {"harmbench": 60},
    ("simple_safety_tests", "simple_safety_tests"): {"simple_safety_tests": 60},
    ("ailuminate_health", "ailuminate"): {"ailuminate_health": 113},
    ("do_not_answer_medical", "do_not_answer"): {"do_not_answer_medical": 65},
}


@pytest.fixture
def public_data() -> Path:
    folder = Path(os.environ.get("PRIMUM_TEST_DATA") or "unset")
    if not (folder / "harmbench").is_dir():
        pytest.skip(
            "set PRIMUM_TEST_DATA to a folder with the public sets in it to test on the real data"
        )
    return folder


@pytest.mark.parametrize(("suite", "folder"), WANTED)
def test_the_real_set_has_its_prompts(public_data: Path, suite: str, folder: str) -> None:
    prompts = load(suite, str(public_data / folder))
    assert Counter(p.suite for p in prompts) == WANTED[suite, folder]
    assert len({p.id for p in prompts}) == len(prompts)
    assert all(text_of(p.prompt).strip() for p in prompts)


def test_the_real_medsafetybench_in_the_layout_of_its_test_rows(
    public_data: Path, tmp_path: Path
) -> None:
    """The training rows stand in for the test rows, which have the same files."""
    (tmp_path / "test").symlink_to(public_data / "medsafetybench" / "train")
    prompts = load("medsafetybench", str(tmp_path))
    assert Counter(p.suite for p in prompts) == {
        "medsafetybench_gpt4": 450,
        "medsafetybench_llama2": 450,
    }
    assert set(Counter(p.principle for p in prompts)) == set(range(1, 10))
