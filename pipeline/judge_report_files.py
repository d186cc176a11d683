"""What `primum judge-report` is asked for, and what it leaves: page, report, scores and
provenance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from eval.judge_report.comparing import Comparison, to_json
from eval.judge_report.page import About, SetFacts, render_html, render_markdown
from eval.judge_report.probes import AUDIT, NOTE
from eval.judge_report.readings import Reading
from eval.judge_report.rewardbench import pair_rows, summary
from eval.judge_report.tfidf import SEEN
from eval.judge_report.wording import HEADLINES, entry_text, title_of
from eval.label_sets.items import LabelSet
from pipeline.run.config import RunConfig
from pipeline.run.provenance import code_state
from records.contracts import Scorer
from records.rows import Score, text_of
from records.stage_folder import write_json, write_records, write_text
from reward.factors.audit import audit_texts
from reward.judges.jury import Reports
from reward.named_scorers import Surroundings


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for."""

    scorers: Sequence[str]
    labels: Sequence[str]
    output: Path
    resamples: int = 1000
    refits: int = 50
    ablate: bool = False
    """Score also without the prompt and without the completion."""
    save_completions: bool = False
    audit: bool = False
    """Score also our own probes."""
    in_domain: str = ""
    """A set of the labels whose kind the scorers know; the others are then foreign."""


def about_of(
    config: RunConfig,
    request: Request,
    label_sets: Sequence[LabelSet],
    around: Surroundings,
    scorers: Sequence[Scorer],
) -> About:
    """What the page says of the label sets, the scorers and the machine."""
    sets = {}
    for found in label_sets:
        # Prompts and not completions are the independent units, so both counts are told.
        sets[found.name] = SetFacts(
            note=found.note,
            completions=len(found.items),
            prompts=len({item.group for item in found.items}),
            pairs=len(found.pairs),
            left_out=found.left_out,
        )
    if request.audit:
        texts = audit_texts(config.seed)
        audit_prompts = len({text_of(row.prompt) for row in texts})
        sets[AUDIT] = SetFacts(note=NOTE, completions=len(texts), prompts=audit_prompts)
    asked = {
        "scorers": list(request.scorers),
        "labels": list(request.labels),
        "resamples": request.resamples,
        "refits": request.refits,
    }
    judges = []
    for scorer in scorers:
        # Only scorers that ask something outside have settings and costs to report.
        if isinstance(scorer, Reports):
            judges.append(scorer.report())
    provenance = {
        **asked,
        "judges": judges,
        "seed": config.seed,
        "dtype": str(around.dtype),
        "device": str(around.device),
        **code_state(),
    }
    return About(
        created=datetime.now(UTC).isoformat(timespec="seconds"), sets=sets, provenance=provenance
    )


def write_report(
    request: Request,
    report: Comparison,
    about: About,
    scores: dict[str, list[Score]],
    readings: dict[str, list[Reading]],
    label_sets: Sequence[LabelSet],
) -> None:
    """The report last: a folder that holds it holds everything."""
    output = request.output
    write_records(output / "scores.jsonl", [score for found in scores.values() for score in found])
    for label_set in label_sets:
        for reading in readings[label_set.name]:
            # Sets without pairs have no place in RewardBench's format.
            rows = pair_rows(label_set, reading)
            if rows:
                write_json(
                    output / "rewardbench" / f"{reading.scorer}.{label_set.name}.json",
                    summary(reading.scorer, rows).to_json(),
                )
                write_records(
                    output / "rewardbench" / f"{reading.scorer}.{label_set.name}.scores.jsonl",
                    [row.to_json() for row in rows],
                )
    write_json(output / "about.json", about.to_json())
    write_text(output / "judge_report.md", render_markdown(report, about))
    write_text(output / "judge_report.html", render_html(report, about))
    write_json(output / "judge_report.json", to_json(report))


def summary_lines(report: Comparison, sets: Sequence[str]) -> list[str]:
    """The headline metrics as the user reads them, a line a set and metric."""
    lines = []
    for name in sets:
        for metric, words in (*HEADLINES.items(), ("false_alarms", "false alarms")):
            known = {}
            for scorer, found in report.items():
                if metric in found.get(name, {}):
                    known[scorer] = found[name][metric]
            shown = []
            for scorer, entry in known.items():
                if scorer not in SEEN:
                    shown.append(f"{title_of(scorer)} {entry_text(entry)}")
            if shown and (
                metric != "false_alarms"
                or not any("auroc" in found.get(name, {}) for found in report.values())
            ):
                lines.append(f"{name}, {words}: " + "; ".join(shown))
    return lines
