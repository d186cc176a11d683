"""What counts as the same answer of two engines, and how llama.cpp is asked."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from benchmarks import engines, llama_worker

WANTED = engines.Reference([[5, 6, 2], [7, 8, 9]], [[4.0, 3.0, 2.0], [1.0, 0.5, 0.25]])


def test_engines_that_write_the_same_agree():
    assert engines.agreement(WANTED, [[5, 6, 2], [7, 8, 9]]) == (2, 2, 2, [])


@pytest.mark.parametrize(
    ("row", "first", "gap"),
    [([7, 1, 9], 1, 0.5), ([1, 8, 9], 0, 1.0), ([7, 8], 1, 0.25),
     ([7, 8, 9, 9], 1, 0.25), ([], 0, 1.0)],
)  # fmt: skip
def test_the_lead_is_that_of_the_first_token_that_differs(row, first, gap):
    assert engines.agreement(WANTED, [[5, 6, 2], row]) == (2, 1 + first, 1, [gap])


def test_the_prompts_are_of_all_suites_and_always_the_same():
    found = engines.chosen(50)
    assert len(found) == 50
    assert found == engines.chosen(50)
    suites = {row.suite for row in engines.own_prompts() if row.prompt in found}
    assert suites == {"harmful", "twins", "patient_questions"}


class Llama:
    """Counts on from the last token of the prompt."""

    def __init__(self, path, **settings):
        assert path == "f.gguf"
        assert (settings["type_k"], settings["type_v"]) == (0, 0)
        assert settings["n_ctx"] == 3 + 4

    def generate(self, ids, *, temp):
        assert temp == 0
        while True:
            ids = [*ids, ids[-1] + 1]
            yield ids[-1]

    def tokenize(self, text, *, add_bos, special):
        assert special
        assert not add_bos
        return list(text)


def test_the_worker_writes_to_the_end_token_or_the_limit(monkeypatch):
    library = ModuleType("llama_cpp")
    library.Llama, library.__version__ = Llama, "0"
    monkeypatch.setitem(sys.modules, "llama_cpp", library)
    asked = {
        "gguf": "f.gguf",
        "prompts": [[1, 2, 3], [5]],
        "texts": ["a"],
        "tokens": 4,
        "ends": [8],
    }
    found = llama_worker.completed(asked)
    assert found == {
        "version": "llama-cpp-python 0",
        "rows": [[4, 5, 6, 7], [6, 7, 8]],
        "read": [[97]],
    }


def test_transformers_reports_the_lead_of_every_token(tiny_directory):
    reference = engines.by_transformers(str(tiny_directory), [[5, 6, 7], [8]], [2], 4)
    assert [len(gaps) for gaps in reference.gaps] == [len(row) for row in reference.rows]
    assert all(gap >= 0 for gaps in reference.gaps for gap in gaps)
    assert engines.agreement(reference, reference.rows).whole == 2


def test_an_engine_that_fails_says_what_it_said(tmp_path):
    with pytest.raises(SystemExit, match="No module named 'llama_cpp'"):
        engines.by_llama(sys.executable, {"prompts": [[1]], "texts": [], "tokens": 1, "ends": []})
