"""The prompts a policy is measured on: the run's held-out split, and the user's own sets beside it."""

from __future__ import annotations

import csv
from pathlib import Path

from data_prep.errors import RecordError
from data_prep.records import Prompt, Split, read_json_lines, stable_id, user
from eval.config import EvalConfig, SuiteConfig


def held_out_suites(prompts: list[Prompt], split: Split, limit: int | None = None) -> dict[str, list[Prompt]]:
    """Suite name to prompts; the first of each by id, so twins stay with their harmful halves."""
    suites: dict[str, list[Prompt]] = {}
    for prompt in sorted((p for p in prompts if p.split == split), key=lambda p: (p.kind != "harmful", p.suite != "twins", p.suite, p.id)):
        suites.setdefault(prompt.suite, []).append(prompt)
    return {name: rows[:limit] for name, rows in suites.items()}


def scoreboard_prompts(prompts: list[Prompt], harmful: int, benign: int) -> list[Prompt]:
    """A fixed validation sample: harmful prompts spread over the principles, and benign ones, half of them their twins."""
    val = sorted((p for p in prompts if p.split == "val"), key=lambda p: p.id)
    chosen = _spread([p for p in val if p.kind == "harmful"], harmful)
    twin_ids = {p.twin_id for p in chosen}
    twins = [p for p in val if p.kind == "benign" and p.id in twin_ids]
    others = [p for p in val if p.kind == "benign" and p.twin_id is None]
    half = min(len(twins), max(benign - benign // 2, benign - len(others)))
    return [*chosen, *twins[:half], *_spread(others, benign - half)]


def _spread(rows: list[Prompt], count: int) -> list[Prompt]:
    """`count` rows taken at even distances."""
    if len(rows) <= count:
        return rows
    return [rows[k * len(rows) // count] for k in range(count)]


def own_suites(config: EvalConfig) -> tuple[dict[str, list[Prompt]], list[str]]:
    """The suites that the config names by path, and notes on optional ones that are not there. All faults at once."""
    suites: dict[str, list[Prompt]] = {}
    notes, faults = [], []
    for suite in config.suites:
        if suite.optional and not Path(suite.path).is_file():
            notes.append(f"suite {suite.name} left out: {suite.path} is not there")
            continue
        try:
            suites[suite.name] = read_suite(suite)
        except RecordError as error:
            faults += error.faults
    if faults:
        raise RecordError(faults)
    return suites, notes


def read_suite(config: SuiteConfig) -> list[Prompt]:
    path = Path(config.path)
    rows = _csv_rows(path) if path.suffix == ".csv" else list(read_json_lines(path))
    faults = [
        f"{path}:{n}: no text in field {config.field!r}; it has {sorted(row)}"
        for n, row in rows
        if not str(row.get(config.field) or "").strip()
    ]
    if faults:
        raise RecordError(faults[:20])
    if not rows:
        raise RecordError(f"{path}: suite {config.name!r} has no rows")
    texts = dict.fromkeys(str(row[config.field]).strip() for _, row in rows)
    prompts = [
        Prompt(
            id=stable_id(config.name, text),
            prompt=user(text),
            kind=config.kind,
            suite=config.name,
            source=path.name,
            licence="evaluation only",
            split="test",
        )
        for text in texts
    ]
    return sorted(prompts, key=lambda p: p.id)[: config.limit] if config.limit else prompts


def _csv_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    if not path.is_file():
        raise RecordError(f"{path}: no such file")
    with path.open(encoding="utf-8", newline="") as file:
        return [(n, row) for n, row in enumerate(csv.DictReader(file), start=2)]
