"""Near-duplicates: seconds, peak memory and recall, on real requests and as rows grow.

    python -m benchmarks.data --data FOLDER [--rows 1000 10000 100000 1000000]
    python -m benchmarks.data --rows 1000 10000 --rivals     (needs `pip install datasketch rensa`)

FOLDER holds public sets under their own names: medsafetybench/med_harm_llama3 and the evaluation
sets in EVALUATION. Without it only the synthetic rows are measured. Each case is a process of its
own, so that its peak memory is its own. Cases are added to the output file as they end, in place of
older ones of the same name. `python -m benchmarks.render` shows them.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, machine
from benchmarks.synthetic_requests import Planted, planted_near, synthetic_requests
from data_prep.config import DecontaminationConfig, SourceConfig
from data_prep.near_duplicates.groups import near_duplicate_groups, near_pairs
from data_prep.sources import read_source
from data_prep.splits.decontamination import decontaminate
from data_prep.wording import jaccard, request_text, word_set
from records.rows import Demonstration, user

EVALUATION = {
    "xstest/xstest_prompts.csv": "prompt",
    "do_not_answer/data_en.csv": "question",
    "strongreject/strongreject_dataset.csv": "forbidden_prompt",
    "kqa/questions.jsonl": "Question",
    "medqa/phrases_no_exclude_test.jsonl": "question",
    "medmcqa/medmcqa_val_single_2816.jsonl": "question",
}
PROMPTS = 5000
MEASURES = {"words": (0.5, 1), "word_3_grams": (0.7, 3)}
BANDS = {"words": (72, 4), "word_3_grams": (35, 6)}
"""Bands and rows of MinHash with which a pair exactly at the threshold is met with probability
0.99: 1 - (1 - t^rows)^bands."""
Found = dict[str, Any]


@contextmanager
def timed() -> Iterator[Found]:
    """Wall time and the processor time of this one-threaded process, which others on the machine
    change little.
    """
    taken: Found = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield taken
    taken |= {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def grouping(rows: Planted, measure: str) -> Found:
    """Seconds to group the rows; of the planted rewordings at or above the threshold, how many are
    in the group of their original.
    """
    threshold, ngram = MEASURES[measure]
    with timed() as taken:
        groups = near_duplicate_groups(rows.texts, threshold, ngram)
    due = []
    for new, old in rows.origins.items():
        # A rewording may have gone below the threshold: only what is due can be missed.
        if similarity(rows.texts[new], rows.texts[old], ngram) >= threshold:
            due.append((new, old))
    return {
        **taken,
        "planted": len(due),
        "found": sum(groups[new] == groups[old] for new, old in due),
        **sizes(groups),
    }


def sizes(groups: Sequence[int]) -> Found:
    counts: dict[int, int] = {}
    for group in groups:
        counts[group] = counts.get(group, 0) + 1
    return {"groups": len(counts), "largest": max(counts.values())}


def similarity(left: str, right: str, ngram: int) -> float:
    return jaccard(word_set(left, ngram), word_set(right, ngram))


def decontamination(rows: Planted, prompts: Sequence[str], measure: str) -> Found:
    """Seconds to check every row against the prompts; `planted` counts the rows made from a
    prompt.
    """
    threshold, ngram = MEASURES[measure]
    # Before the clock starts: a run has its rows already.
    demonstrations = [_row(number, text) for number, text in enumerate(rows.texts)]
    config = DecontaminationConfig(threshold=threshold, ngram=ngram)
    with timed() as taken:
        removed = decontaminate(demonstrations, {"suite": prompts}, config).removed
    due = set()
    for new, old in rows.origins.items():
        if similarity(rows.texts[new], prompts[old], ngram) >= threshold:
            due.add(str(new))
    gone = {removal.row.id for removal in removed}
    return {
        **taken,
        "prompts": len(prompts),
        "removed": len(gone),
        "planted": len(due),
        "found": len(due & gone),
    }


def _row(number: int, text: str) -> Demonstration:
    return Demonstration(
        id=str(number),
        prompt=user(text),
        completion=[],
        kind="harmful",
        suite="harmful",
        source="made",
        licence="none",
    )


def rivals(rows: Planted, measure: str) -> Found:
    """Every pair at or above the threshold: exact, and by MinHash whose candidates are measured as
    well.
    """
    # Contestants: nothing else needs them.
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found]  # noqa: PLC0415
    from rensa import RMinHash, RMinHashLSH  # type: ignore[import-not-found]  # noqa: PLC0415

    threshold, ngram = MEASURES[measure]
    bands, height = BANDS[measure]

    def datasketch(sets: Sequence[frozenset[str]]) -> int:
        index = MinHashLSH(num_perm=bands * height, params=(bands, height))
        hashed = MinHash.bulk(
            [[gram.encode() for gram in grams] for grams in sets], num_perm=bands * height
        )
        return met(sets, index, hashed)

    def rensa(sets: Sequence[frozenset[str]]) -> int:
        index = RMinHashLSH(threshold=threshold, num_perm=bands * height, num_bands=bands)
        hashed = [RMinHash(num_perm=bands * height, seed=1) for _ in sets]
        for sketch, grams in zip(hashed, sets, strict=True):
            sketch.update(list(grams))
        return met(sets, index, hashed)

    def met(sets: Sequence[frozenset[str]], index: Any, hashed: Sequence[Any]) -> int:
        pairs = 0
        for number, sketch in enumerate(hashed):
            # Candidates are measured exactly: without that, MinHash would be compared on another
            # task.
            pairs += sum(
                jaccard(sets[number], sets[other]) >= threshold for other in index.query(sketch)
            )
            # After the query, so that each pair is met once and no row meets itself.
            index.insert(number, sketch)
        return pairs

    def exact(_: Sequence[frozenset[str]]) -> int:
        return sum(len(near.left) for near in near_pairs(rows.texts, threshold, ngram))

    # Once, outside of everybody's time.
    sets = [word_set(text, ngram) for text in rows.texts]
    found: Found = {}
    for name, way in {"exact": exact, "datasketch": datasketch, "rensa": rensa}.items():
        with timed() as taken:
            pairs = way(sets)
        found[name] = {**taken, "pairs": pairs}
    return found


def requests(data: Path) -> Planted:
    folder = data / "medsafetybench" / "med_harm_llama3"
    rows = read_source(
        SourceConfig(name="llama3", format="medsafetybench", path=str(folder)), seed=0
    )
    return Planted(texts=[request_text(row.prompt) for row in rows], origins={})


def evaluation_prompts(data: Path) -> list[str]:
    """The first 5,000 different prompts of the evaluation sets."""
    # A dictionary for its order: a set would give other prompts in each process.
    prompts: dict[str, None] = {}
    for name, field in EVALUATION.items():
        path = data / name
        with path.open(newline="", encoding="utf-8") as file:
            rows = (
                list(csv.DictReader(file))
                if path.suffix == ".csv"
                else [json.loads(line) for line in file]
            )
        prompts |= dict.fromkeys(str(row[field]) for row in rows)
    assert len(prompts) >= PROMPTS, (
        f"{data}: {len(prompts)} evaluation prompts, {PROMPTS} are needed"
    )
    return list(prompts)[:PROMPTS]


def measure_case(job: str, measure: str, size: int, data: Path | None) -> Found:
    """In a process of its own; `size` 0 stands for the real requests."""
    prompts = (
        # Of another seed than the rows, among which the prompts must not be.
        evaluation_prompts(data) if data else synthetic_requests(PROMPTS, seed=1, reworded=0).texts
    )
    if size:
        rows = (
            planted_near(prompts, size, seed=0)
            if job == "decontaminate"
            else synthetic_requests(size, seed=0)
        )
    else:
        assert data
        rows = requests(data)
        # Among all 74,000 they would meet a hundred million pairs one by one in Python.
        if job == "rivals":
            rows = Planted(texts=rows.texts[::7], origins={})
    jobs = {
        "decontaminate": lambda: decontamination(rows, prompts, measure),
        "group": lambda: grouping(rows, measure),
        "rivals": lambda: rivals(rows, measure),
    }
    found = jobs[job]()
    return {
        "rows": len(rows.texts),
        **found,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--measures", nargs="+", default=list(MEASURES), choices=MEASURES)
    parser.add_argument("--rivals", action="store_true")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks" / "results" / "data.json"
    )
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        job, measure, size = options.case
        # The child's only line: the parent reads standard output as JSON.
        print(json.dumps(measure_case(job, measure, int(size), options.data)))
        return
    jobs = ["rivals"] if options.rivals else ["decontaminate", "group"]
    known = json.loads(options.output.read_text()) if options.output.is_file() else {"cases": []}
    done = {case["name"]: case for case in known["cases"]}
    for size in ([0] if options.data else []) + options.rows:
        for job in jobs:
            for measure in options.measures:
                name = f"{job} {measure} {size or 'real'}"
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.data",
                    "--case",
                    job,
                    measure,
                    str(size),
                ]
                # The growth is of synthetic rows against synthetic prompts.
                command += ["--data", str(options.data)] if not size else []
                found = subprocess.run(
                    command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
                ).stdout
                done[name] = {
                    "name": name,
                    "job": job,
                    "measure": measure,
                    "real": not size,
                    **json.loads(found),
                }
                print(json.dumps(done[name]), flush=True)
                stamp = {
                    "machine": machine("cpu", ("numpy", "scipy")),
                    "date": time.strftime("%Y-%m-%d"),
                    "cases": list(done.values()),
                }
                # After every case: the largest may run out of memory, and must not take the others'
                # figures with it.
                options.output.write_text(json.dumps(stamp, indent=1) + "\n")


if __name__ == "__main__":
    main()
