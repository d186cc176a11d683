"""What counts as the same completion of two engines, and how llama.cpp is asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import engines
from benchmarks.machine import ROOT
from pipeline.measuring.prompts import own_prompts

WANTED = engines.Reference([[5, 6, 2], [7, 8, 9]], [[4.0, 3.0, 2.0], [1.0, 0.5, 0.25]])


def test_engines_that_write_the_same_agree() -> None:
    assert engines.agreement(WANTED, [[5, 6, 2], [7, 8, 9]]) == (2, 2, 2, [])


@pytest.mark.parametrize(
    ("row", "first", "gap"),
    [([7, 1, 9], 1, 0.5), ([1, 8, 9], 0, 1.0), ([7, 8], 1, 0.25),
     ([7, 8, 9, 9], 1, 0.25), ([], 0, 1.0)],
)  # fmt: skip
def test_the_lead_is_that_of_the_first_token_that_differs(
    row: list[int], first: int, gap: float
) -> None:
    assert engines.agreement(WANTED, [[5, 6, 2], row]) == (2, 1 + first, 1, [gap])


def test_the_prompts_are_of_all_suites_and_always_the_same() -> None:
    found = engines.chosen(50)
    assert len(found) == 50
    assert found == engines.chosen(50)
    suites = {row.suite for row in own_prompts() if row.prompt in found}
    assert suites == {"harmful", "twins", "patient_questions"}


LIBRARY = """
import { readFileSync } from "node:fs";
export async function getLlama(settings) {
  if (settings.build !== "never" || settings.gpu !== false) throw new Error("not as it comes");
  return { loadModel };
}
async function loadModel({ modelPath }) {
  return {
    tokenize: (text, special) => special ? Uint32Array.from(Buffer.from(text)) : [],
    createContext: async (given) => {
      const asked = given.contextSize === 3 + 4 && given.experimentalKvCacheKeyType === "F32";
      if (!asked) throw new Error(modelPath);
      return { getSequence: () => ({ clearHistory: async () => {}, evaluate: counted }) };
    },
  };
}
async function* counted(ids, { temperature, yieldEogToken }) {
  for (let next = ids.at(-1) + 1; temperature === 0 && yieldEogToken; next++) yield next;
}
"""


@pytest.fixture
def counting(tmp_path: Path) -> str:
    """A folder with a node-llama-cpp that counts on from the last token of the prompt."""
    if not shutil.which("node"):
        pytest.skip("no node; what llama.cpp is asked with is JavaScript")
    package = tmp_path / "node_modules" / "node-llama-cpp"
    (package / "dist").mkdir(parents=True)
    (package / "package.json").write_text('{"version": "0", "type": "module"}')
    (package / "dist" / "index.js").write_text(LIBRARY)
    return str(tmp_path)


@pytest.mark.process
def test_llama_cpp_writes_to_the_end_token_or_the_limit(counting: str) -> None:
    asked = {
        "gguf": "f.gguf",
        "prompts": [[1, 2, 3], [5]],
        "texts": ["a"],
        "tokens": 4,
        "ends": [8],
    }
    found = engines.by_llama(counting, asked)
    assert found.pop("seconds") > 0
    assert found == {
        "version": "node-llama-cpp 0",
        "rows": [[4, 5, 6, 7], [6, 7, 8]],
        "read": [[97]],
    }


@pytest.mark.process
def test_an_engine_that_fails_says_what_it_said(counting: str) -> None:
    asked = {"gguf": "f.gguf", "prompts": [[1]], "texts": [], "tokens": 1, "ends": []}
    with pytest.raises(SystemExit, match=r"(?s)llama\.cpp ended with 1: .*Error: f\.gguf"):
        engines.by_llama(counting, asked)


def test_transformers_reports_the_lead_of_every_token(tiny_directory: Path) -> None:
    reference = engines.by_transformers(str(tiny_directory), [[5, 6, 7], [8]], [2], 4)
    assert [len(gaps) for gaps in reference.gaps] == [len(row) for row in reference.rows]
    assert all(gap >= 0 for gaps in reference.gaps for gap in gaps)
    assert engines.agreement(reference, reference.rows).whole == 2


def test_the_page_on_exports_says_what_was_measured() -> None:
    page = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    found = json.loads((ROOT / "benchmarks" / "results" / "engines.json").read_text())["engines"]
    for name, row in found.items():
        assert name.lower() in page.lower()
        assert f"({row['version']})" in page
        first, whole = (f"{row[part]} of {row['prompts']}" for part in ("first", "whole"))
        told = " ".join(page.split())
        assert f"for {first} prompts and the whole completion of {row['tokens']} tokens" in told
        assert f"{row['tokens']} tokens for {whole}" in told
