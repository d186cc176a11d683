"""Writes the measured results into docs/speed.md, docs/data.md, docs/scorers.md and their pictures.

python -m benchmarks.render
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.data_page import data_figure, data_section
from benchmarks.machine import ROOT
from benchmarks.prep_page import prep_figure, prep_section
from benchmarks.scorers_page import scorers_section
from benchmarks.training_cases import REGIMES
from benchmarks.training_page import (
    generation_table,
    gpu_section,
    growth_figure,
    machine_rates,
    own_gain,
    training_tables,
    where_measured,
)
from benchmarks.twin_words import twin_words_section

Json = dict[str, Any]
RESULTS = ROOT / "benchmarks" / "results"
START, END = (
    "<!-- measured by benchmarks, written by `python -m benchmarks.render` -->",
    "<!-- end of measured -->",
)


def measured() -> str:
    """The section of docs/speed.md between the two marks."""
    training = json.loads((RESULTS / "training.json").read_text())
    lines = [START, "", where_measured(training), ""]
    lines += [f"- {name}: {regime.description}" for name, regime in REGIMES.items()]
    rates = ", ".join(
        f"{rate:.0f} GFLOP/s in {precision}" for precision, rate in machine_rates(training).items()
    )
    lines += [
        "",
        f"It multiplied large square matrices at up to {rates}.",
        "",
        *training_tables(training),
    ]
    gain = list(own_gain(training))
    if gain:
        lines += [
            "Against Primum's own path for padded rows, with peft's own LoRA layers:",
            "",
            *gain,
            "",
        ]
    if (RESULTS / "growth.json").is_file():
        lines += [
            "![Seconds a DPO step, as prompts, completions and batches grow](speed_growth.svg)",
            "",
        ]
        lines += [
            (
                "DPO, LoRA, bf16; 2 pairs of a 256-token prompt and 128-token completions where "
                "not said otherwise."
            ),
            "",
        ]
    if (RESULTS / "gpu.json").is_file():
        lines += gpu_section(json.loads((RESULTS / "gpu.json").read_text()))
    for device in ("cpu", "cuda"):
        if (RESULTS / f"generation-{device}.json").is_file():
            lines += [
                f"**Generation, {device}**",
                "",
                *generation_table(json.loads((RESULTS / f"generation-{device}.json").read_text())),
                "",
            ]
    return "\n".join([*lines, END])


def document(text: str, section: str) -> str:
    """The page with the part between the two marks renewed."""
    # Fails where a page has the mark twice or not at all, and writes nothing then.
    before, rest = text.split(START)
    return before + section + rest.split(END)[1]


def data_measured() -> str:
    """The section of docs/data.md between the two marks."""
    names = ("data.json", "prep.json", "twin_words.json")
    joins, stage, words = (json.loads((RESULTS / name).read_text()) for name in names)
    sections = [*data_section(joins), *prep_section(stage), "", *twin_words_section(words)]
    return "\n".join([START, "", *sections, END])


def main() -> None:
    page = ROOT / "docs" / "speed.md"
    page.write_text(document(page.read_text(), measured()))
    if (RESULTS / "growth.json").is_file():
        Path(ROOT / "docs" / "speed_growth.svg").write_text(
            growth_figure(json.loads((RESULTS / "growth.json").read_text()))
        )
    page = ROOT / "docs" / "data.md"
    page.write_text(document(page.read_text(), data_measured()))
    page = ROOT / "docs" / "scorers.md"
    page.write_text(document(page.read_text(), "\n".join([START, *scorers_section(), "", END])))
    Path(ROOT / "docs" / "data_growth.svg").write_text(
        data_figure(json.loads((RESULTS / "data.json").read_text()))
    )
    Path(ROOT / "docs" / "prep_growth.svg").write_text(
        prep_figure(json.loads((RESULTS / "prep.json").read_text()))
    )


if __name__ == "__main__":
    main()
