"""The part of docs/data.md on the prep stage and docs/prep_growth.svg, from
benchmarks/results/prep.json.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from eval.report.plots import POLICY_COLOURS, STYLE

Json = dict[str, Any]
LOOKS = {
    "tiny": (POLICY_COLOURS["sft"], "o", "-"),
    "smollm2-135m-instruct": (POLICY_COLOURS["dpo"], "s", "--"),
}
"""By model whose chat template every row is rendered with."""


def prep_section(results: Json) -> Iterator[str]:
    yield ""
    yield (
        f"All of `primum prep`, measured {results['date']} on made-up rows of usual length "
        "(`benchmarks/prep_rows.py`: a request, a completion of 30 to 150 words, for half of them "
        "a rejected one; 5 % copies, 10 % rewordings). Up to ten processes shared the two cores, "
        "which makes even processor seconds longer; they are user and system time, imports "
        "included. The work is one thread and waits for nothing."
    )
    yield ""
    yield "| rows | chat template of | processor seconds | peak GB |"
    yield "|---:|---|---:|---:|"
    for case in _in_order(results):
        yield (
            f"| {case['rows']:,} | {case['model']} | {case['cpu_seconds']:.0f} | "
            f"{case['peak_gb']:.2f} |"
        )
    yield ""
    yield "![Processor seconds and peak memory of prep as the rows grow](prep_growth.svg)"


def prep_figure(results: Json) -> str:
    """Processor seconds and peak memory against rows; the dotted line grows as the rows do."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 4), layout="constrained")
        seconds, memory = figure.subplots(1, 2)
        for model, (colour, marker, line) in LOOKS.items():
            cases = []
            for case in _in_order(results):
                if case["model"] == model:
                    cases.append(case)
            rows = [case["rows"] for case in cases]
            look = {
                "color": colour,
                "marker": marker,
                "linestyle": line,
                "label": f"chat template of {model}",
            }
            seconds.plot(rows, [case["cpu_seconds"] for case in cases], **look)
            memory.plot(rows, [case["peak_gb"] for case in cases], **look)
        # Slope 1 on logarithmic axes, to hold the others against.
        seconds.plot([10_000, 1_000_000], [5, 500], color="#4D4D4D", linestyle=":", label="linear")
        for axes, name in ((seconds, "processor seconds"), (memory, "peak memory, GB")):
            axes.set(xscale="log", yscale="log", xlabel="rows", ylabel=name, xlim=(800, 1_250_000))
            axes.set_xticks(
                [1_000, 10_000, 100_000, 1_000_000], ["1,000", "10,000", "100,000", "1,000,000"]
            )
            axes.minorticks_off()
        seconds.set_yticks([10, 100, 1000], ["10", "100", "1,000"])
        memory.set_yticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
        figure.legend(
            *seconds.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9
        )
        buffer = io.StringIO()
        # Without a date the same figures give the same file.
        figure.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()


def _in_order(results: Json) -> list[Json]:
    cases: list[Json] = results["cases"]
    return sorted(cases, key=lambda case: (case["rows"], list(LOOKS).index(case["model"])))
