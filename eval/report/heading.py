"""What a report is called: the model, the run and the day, as far as the results know them."""

from __future__ import annotations

from eval.endpoint import MEASUREMENT
from eval.results.results import Results


def subject(results: Results) -> str:
    """What the report is about; `primum measure` has aligned nothing."""
    about = "harm and over-refusal"
    return about if results.kind == MEASUREMENT else f"{about}, before and after alignment"


def plain_title(results: Results) -> str:
    """Where no heading may hold words from outside, as in Markdown that becomes part of a card."""
    about = subject(results)
    return about[0].upper() + about[1:]


def title(results: Results) -> str:
    """`MODEL: harm and over-refusal, before and after alignment`."""
    model = model_name(results)
    return f"{model}: {subject(results)}" if model else plain_title(results)


def heading(results: Results) -> str:
    """Of a browser's tab: what tells this report from another one comes first."""
    known = []
    for part in (model_name(results), run_name(results), day(results)[:10], subject(results)):
        if part:
            known.append(part)
    return " \u00b7 ".join(known)


def facts(results: Results) -> list[str]:
    """What stands beside the day: the run, and the policy that the verdict is on."""
    run, policy = (
        run_name(results),
        results.policies.get(results.endpoint.policy),
    )
    return [*([f"Run {run}"] if run else []), *([f"Policy {policy.title}"] if policy else [])]


def model_name(results: Results) -> str:
    """Of the base, as people call it; empty where the results do not name it."""
    model = results.provenance.get("model")
    return hub_name(model) if isinstance(model, str) else ""


def run_name(results: Results) -> str:
    """The name of the run's folder; empty where the results are of an earlier version."""
    return str(results.provenance.get("run") or "")


def day(results: Results) -> str:
    """`2026-02-03 10:11 UTC`; what is no such time stands as it is."""
    date, letter, clock = results.created.partition("T")
    return f"{date} {clock[:5]} UTC" if letter and clock.endswith("+00:00") else date


def hub_name(path: str) -> str:
    """The hub id of the embedded default; anything else as the config names it, directories by
    their last part.
    """
    # The embedded default is known by a short name; its hub id is what readers look up.
    if path == "smollm2-135m-instruct":
        return "HuggingFaceTB/SmolLM2-135M-Instruct"
    # Only the last part of a path: the rest names people and machines.
    return path.rstrip("/").rsplit("/", 1)[-1] if path.startswith((".", "/")) else path
