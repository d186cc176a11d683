"""The measured part of docs/data.md and docs/data_growth.svg, from benchmarks/results/data.json."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from eval.report.plots import POLICY_COLOURS, STYLE

Json = dict[str, Any]
JOBS = {"decontaminate": "against 5,000 evaluation prompts", "group": "grouped among themselves"}
MEASURES = {"words": "words, 0.5", "word_3_grams": "runs of 3 words, 0.7"}
LOOKS = {
    ("decontaminate", "words"): (POLICY_COLOURS["sft"], "o", "-"),
    ("decontaminate", "word_3_grams"): (POLICY_COLOURS["sft"], "s", "--"),
    ("group", "words"): (POLICY_COLOURS["dpo"], "o", "-"),
    ("group", "word_3_grams"): (POLICY_COLOURS["dpo"], "s", "--"),
}


def data_section(results: Json) -> Iterator[str]:
    found = results["machine"]
    yield (
        f"Measured {results['date']} on {found['processor']}, one core of {found['cores']}, Python "
        f"{found['python']}, numpy {found['numpy']}, scipy {found['scipy']}. Seconds are of "
        "processor time; the work runs in one thread."
    )
    yield ""
    yield "| rows | what | measure | seconds | peak GB | planted rewordings found |"
    yield "|---:|---|---|---:|---:|---:|"
    cases = [case for case in results["cases"] if case["job"] in JOBS]
    for case in sorted(
        cases,
        key=lambda case: (
            # Real requests first, then made-up ones as they grow.
            not case["real"],
            case["rows"],
            case["job"],
            list(MEASURES).index(case["measure"]),
        ),
    ):
        rows = f"{case['rows']:,}" + (
            " (MedSafetyBench, Llama-3)" if case["real"] else " synthetic"
        )
        planted = f"{case['found']:,} of {case['planted']:,}" if case["planted"] else "-"
        yield (
            f"| {rows} | {JOBS[case['job']]} | {MEASURES[case['measure']]} | {_seconds(case)} | "
            f"{case['peak_gb']:.2f} | {planted} |"
        )
    yield ""
    yield "![Seconds and peak memory as the rows grow](data_growth.svg)"
    yield from _rivals([case for case in results["cases"] if case["job"] == "rivals"])


def _seconds(found: Json) -> str:
    # Of the processor: wall time is that of a shared machine.
    seconds = found["cpu_seconds"]
    return f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}"


def _rivals(cases: list[Json]) -> Iterator[str]:
    if not cases:
        return
    yield ""
    yield (
        "Beside MinHash with enough bands to meet a pair at the threshold with probability 0.99, "
        "its candidates measured exactly as well:"
    )
    yield ""
    yield "| rows | measure | exact: seconds, pairs | datasketch | rensa |"
    yield "|---:|---|---:|---:|---:|"
    for case in cases:
        cells = []
        for way in ("exact", "datasketch", "rensa"):
            cells.append(f"{_seconds(case[way])} s, {case[way]['pairs']:,}")
        yield (
            f"| {case['rows']:,}{' requests' if case['real'] else ' synthetic'} | "
            f"{MEASURES[case['measure']]} | {' | '.join(cells)} |"
        )


def data_figure(results: Json) -> str:
    """Seconds and peak memory against synthetic rows; the dotted line grows as the rows do."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 4), layout="constrained")
        seconds, memory = figure.subplots(1, 2)
        for (job, measure), (colour, marker, line) in LOOKS.items():
            cases = []
            for c in results["cases"]:
                if (c["job"], c["measure"]) == (job, measure) and not c["real"]:
                    cases.append(c)
            cases.sort(key=lambda case: case["rows"])
            rows = [case["rows"] for case in cases]
            look = {
                "color": colour,
                "marker": marker,
                "linestyle": line,
                "label": f"{JOBS[job]}; {MEASURES[measure]}",
            }
            seconds.plot(rows, [case["cpu_seconds"] for case in cases], **look)
            memory.plot(rows, [case["peak_gb"] for case in cases], **look)
        ends = [1_000, 1_000_000]
        # Slope 1 on logarithmic axes, to hold the others against.
        seconds.plot(ends, [0.05, 50], color="#4D4D4D", linestyle=":", label="linear")
        memory.plot(ends, [0.003, 3], color="#4D4D4D", linestyle=":")
        for axes, name in ((seconds, "seconds, one core"), (memory, "peak memory, GB")):
            axes.set(xscale="log", yscale="log", xlabel="rows", ylabel=name)
            axes.set_xticks(
                [1_000, 10_000, 100_000, 1_000_000], ["1,000", "10,000", "100,000", "1,000,000"]
            )
            axes.minorticks_off()
        seconds.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
        memory.set_yticks([0.1, 0.3, 1, 3], ["0.1", "0.3", "1", "3"])
        memory.set_ylim(0.05, 5)
        figure.legend(
            *seconds.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=3,
            fontsize=9,
            frameon=False,
        )
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()
