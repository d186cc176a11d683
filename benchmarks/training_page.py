"""Tables of training and generation speed, beside what a user would pick instead."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from benchmarks.random_llama import MODELS
from benchmarks.training_cases import ADAPTERS, ALL_REGIMES, JOBS, PRECISIONS, REGIMES
from eval.report.plots import POLICY_COLOURS, STYLE

Json = dict[str, Any]
DENSE_BF16_TFLOPS = {"H100": 989, "H200": 989}
"""Of the SXM cards, by their makers' sheets."""
RIVALS = {
    "trl": ("TRL, defaults", "#4D4D4D", "o"),
    "trl_best": ("TRL at its best", POLICY_COLOURS["sft"], "s"),
    "primum": ("Primum", POLICY_COLOURS["dpo"], "D"),
}
COLUMNS = (
    "case",
    "TRL, defaults",
    "TRL at its best",
    "Primum",
    "times faster than the defaults",
    "than the best",
    "peak GB: defaults; all at once, no checkpointing; Primum",
    "of the floor's speed",
)


def best(case: Json) -> str | None:
    """The faster of TRL's better settings: the whole step at once, or one pair at a time."""
    names = [name for name in ("trl_best", "trl_ones") if name in case["against"]]
    # The one that Primum is ahead of by least.
    return min(names, key=lambda name: case["against"][name]["speed_ratio"]["median"], default=None)


def _all_of(case: Json) -> list[Json]:
    """Measurements of Primum in a case: beside each rival, and alone."""
    return [*case["against"].values(), *([case["alone"]] if "alone" in case else [])]


def machine_rates(results: Json) -> dict[str, float]:
    """Billion FLOPs a second in each precision: the most that any process saw, as a busy moment
    makes the floor look near.
    """
    rates: dict[str, float] = {}
    for case in results["cases"]:
        seen = max(found["machine_gflops"] for found in _all_of(case))
        rates[case["precision"]] = max(rates.get(case["precision"], 0), seen)
    return rates


def training_tables(results: Json) -> Iterator[str]:
    rates = machine_rates(results)
    for job, title in JOBS.items():
        cases = sorted((case for case in results["cases"] if case["job"] == job), key=_place)
        if not cases:
            continue
        yield f"**{title}**"
        yield ""
        yield "| " + " | ".join(COLUMNS) + " |"
        yield "|---" + "|---:" * (len(COLUMNS) - 1) + "|"
        for case in cases:
            yield _row(case, rates[case["precision"]])
        yield ""


def _place(case: Json) -> tuple[int, ...]:
    """Of a row in its table, in whichever order cases were measured."""
    order = (MODELS, ADAPTERS, PRECISIONS, list(ALL_REGIMES))
    return tuple(
        values.index(case[part])
        for values, part in zip(order, ("model", "adapter", "precision", "regime"), strict=True)
    )


def _row(case: Json, rate: float) -> str:
    against, rival = case["against"], best(case)
    default, quickest = against.get("trl"), against.get(rival) if rival else None
    # Primum's time from the same duel: times of different duels are of different hours.
    ours = quickest or _all_of(case)[0]

    def seconds(found: Json | None, name: str | None) -> str:
        return f"{found[name]['seconds']['median']:.2f} s" if found and name else "-"

    def times(found: Json | None) -> str:
        if not found:
            return "-"
        ratio = found["speed_ratio"]
        return f"{ratio['median']:.1f} ({ratio['min']:.1f} to {ratio['max']:.1f})"

    peaks = [
        against[name][name]["peak_gb"] if name in against else math.nan
        for name in ("trl", "trl_best")
    ]
    # NaN where a rival was not measured, which the cell shows as a dash.
    memory = "; ".join(f"{peak:.1f}" for peak in (*peaks, ours["primum"]["peak_gb"])).replace(
        "nan", "-"
    )
    name = ", ".join(
        [case["regime"], case["adapter"], case["precision"]]
        + ([case["model"]] if case["model"] != "smollm2" else [])
    )
    note = " (one pair at a time)" if rival == "trl_ones" else ""
    columns = [
        name,
        seconds(default, "trl"),
        seconds(quickest, rival) + note,
        seconds(ours, "primum"),
        times(default),
        times(quickest),
    ]
    return (
        "| "
        + " | ".join(
            [*columns, memory, f"{ours['gflop'] / rate / ours['primum']['seconds']['median']:.0%}"]
        )
        + " |"
    )


def own_gain(results: Json) -> Iterator[str]:
    """What packing and the fused adapter bring over Primum's own padded path."""
    for case in results["cases"]:
        found = case["against"].get("padded")
        if found:
            ratio, name = (
                found["speed_ratio"],
                f"{JOBS[case['job']]}, {case['regime']}, {case['adapter']}, {case['precision']}",
            )
            yield (
                f"- {name}: {found['padded']['seconds']['median']:.2f} s padded, "
                f"{found['primum']['seconds']['median']:.2f} s packed, {ratio['median']:.1f} times "
                f"({ratio['min']:.1f} to {ratio['max']:.1f})"
            )


def generation_table(results: Json) -> Iterator[str]:
    yield (
        f"{results['prompts']} prompts, {results['tokens']} new tokens, greedy, "
        f"{results['dtype'].removeprefix('torch.')}, {results['model']}:"
    )
    yield ""
    yield "| way | tokens a second | texts that differ from one prompt at a time |"
    yield "|---|---:|---:|"
    for name, found in results["ways"].items():
        rates = sorted(found["tokens_per_second"])
        yield (
            f"| {name} | {rates[len(rates) // 2]:.0f} ({rates[0]:.0f} to {rates[-1]:.0f}) | "
            f"{found['texts_that_differ']} |"
        )


def growth_figure(results: Json) -> str:
    """Seconds a step, as prompts, completions and batches grow, one at a time."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 3.8), layout="constrained")
        for axes, (what, unit) in zip(
            figure.subplots(1, 3, sharey=True),
            (("prompt", "tokens"), ("completion", "tokens"), ("pairs", "in a step")),
            strict=True,
        ):
            cases = sorted(
                (case for case in results["cases"] if case["regime"].startswith(what)),
                key=lambda case: int(case["regime"].split()[1]),
            )
            sizes = [int(case["regime"].split()[1]) for case in cases]
            for name, (title, colour, marker) in RIVALS.items():
                rival = "trl_best" if name == "primum" else name
                # A rival that was not measured at every size has no line.
                if not all(rival in case["against"] for case in cases):
                    continue
                spans = [case["against"][rival][name]["seconds"] for case in cases]
                axes.plot(
                    sizes,
                    [span["median"] for span in spans],
                    color=colour,
                    marker=marker,
                    label=title,
                )
                axes.fill_between(
                    sizes,
                    [s["min"] for s in spans],
                    [s["max"] for s in spans],
                    color=colour,
                    alpha=0.2,
                    linewidth=0,
                )
            axes.set(xscale="log", yscale="log", xlabel=f"{what}, {unit}")
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.minorticks_off()
            axes.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
        figure.axes[0].set_ylabel("seconds a step")
        figure.axes[0].legend(loc="upper left", fontsize=9)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()


def gpu_section(results: Json) -> list[str]:
    """Training on a GPU, under the card's name."""
    rates = ", ".join(
        f"{rate / 1000:.0f} TFLOP/s in {precision}"
        for precision, rate in machine_rates(results).items()
    )
    # The page has described the usual ones above.
    regimes = {case["regime"] for case in results["cases"]} - set(REGIMES)
    return [
        f"**On {results['machine']['gpu']}**",
        "",
        f"{where_measured(results)} It multiplied large square matrices at up to {rates}.",
        *results.get("remarks", []),
        "",
        *(f"- {name}: {ALL_REGIMES[name].description}" for name in sorted(regimes)),
        "",
        *training_tables(results),
        *(_utilisation(case, results["machine"]["gpu"]) for case in results["cases"]),
        *(_plain_gain(case) for case in results["cases"] if "plain" in case["against"]),
        *(_profile_line(profile) for profile in results.get("profiles", [])),
        "",
    ]


def _utilisation(case: Json, card: str) -> str:
    """Model FLOPs utilisation: arithmetic that cannot be avoided, a second, of what the card's
    sheet says.
    """
    ours = min(_all_of(case), key=lambda found: found["primum"]["seconds"]["median"])
    rate = ours["gflop"] / 1000 / ours["primum"]["seconds"]["median"]
    # A card that is not listed gets no share, rather than one of a wrong peak.
    peak = next((peak for name, peak in DENSE_BF16_TFLOPS.items() if name in card), None)
    share = f", {rate / peak:.0%} of the card's {peak}" if peak else ""
    return f"- {case['name']}: {ours['tokens']} tokens a step, {rate:.0f} TFLOP/s{share}"


def _plain_gain(case: Json) -> str:
    """What compiled layers bring."""
    found = case["against"]["plain"]
    ratio = found["speed_ratio"]
    return (
        f"- {case['name']}, compiled layers: {found['primum']['seconds']['median']:.3f} s, "
        f"{found['primum']['peak_gb']:.1f} GB; operator by operator: "
        f"{found['plain']['seconds']['median']:.3f} s, {found['plain']['peak_gb']:.1f} GB; "
        f"{ratio['median']:.1f} times ({ratio['min']:.1f} to {ratio['max']:.1f})"
    )


def _profile_line(profile: Json) -> str:
    """Where the time of a step goes (benchmarks/step_profile.py)."""
    largest = ", ".join(
        f"{kind} {milliseconds:.1f}" for kind, milliseconds in profile["kernel_ms"].items()
    )
    return (
        f"- {profile['name']}, one step under torch's profiler: {profile['launches']:.0f} "
        f"launches, {profile['busy_ms']:.0f} ms of kernels ({largest} ms) in "
        f"{profile['step_ms']:.0f} ms without the profiler"
    )


def where_measured(results: Json) -> str:
    found = results["machine"]
    packages = ", ".join(
        f"{name} {found[name]}"
        for name in ("torch", "transformers", "trl", "peft", "pytorch-lightning")
    )
    return (
        f"Measured {results['date']} on {found.get('gpu', found['processor'])}, {found['cores']} "
        f"cores, Python {found['python']}, {packages}."
    )
