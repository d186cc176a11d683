"""Has the policy kept its medicine? Lines of the release gate on `Results.capability`."""

from __future__ import annotations

from collections.abc import Iterator

from eval.config import GateConfig
from eval.gate_line import GateLine, below
from eval.results.capability import Capability, Perplexity, TaskResult

NOT_ASKED = "not asked: eval.capability names no task and no held-out texts"


def capability_gates(
    found: Capability | None, policy: str, config: GateConfig
) -> Iterator[GateLine]:
    """A line a task that carries signal, and one for perplexity; missing evidence does not pass."""
    if not found:
        yield GateLine("medical capability", True, NOT_ASKED, "not measured")
        return
    for name, task in found.tasks.items():
        yield _task_gate(name, task, policy, config.capability.max_fall)
    # Shown as not measured, as an optional task may be missing on this machine.
    for absent in found.absent:
        yield GateLine(f"accuracy on {absent.task}", True, absent.reason, "not measured")
    if found.perplexity:
        yield _perplexity_gate(found.perplexity, policy, config.capability.max_perplexity_rise)


def _task_gate(name: str, task: TaskResult, policy: str, limit: float | None) -> GateLine:
    line = f"fall in accuracy on {name} against the base, upper end of its interval"
    # A base that guesses has no accuracy to lose; a fall or rise would be noise.
    if not task.signal:
        reached = f"{task.chance:.3g}, which takes no reading of the question"
        return GateLine(
            line, True, f"no signal to lose: the base does not exceed {reached}", "not measured"
        )
    change = task.changes.get(policy)
    low = change.low if change else None
    # Without a limit of its own the gate takes the margin that the evaluation was made with.
    wanted = change.margin if limit is None and change else limit
    setting = "eval.capability.margin" if limit is None else "release.gate.capability.max_fall"
    # No evidence where there is no interval: "no difference found" shows nothing
    # (docs/capability.md).
    return below(line, None if low is None else -low, wanted, setting)


def _perplexity_gate(perplexity: Perplexity, policy: str, limit: float | None) -> GateLine:
    line = "rise in perplexity on held-out medical text, upper end of its interval"
    change = perplexity.changes.get(policy)
    high = change.interval[1] if change else None
    wanted = change.margin if limit is None and change else limit
    setting = (
        "eval.capability.perplexity_margin"
        if limit is None
        else "release.gate.capability.max_perplexity_rise"
    )
    # The ratio less 1, as the limit is a share of the base's perplexity.
    return below(line, None if high is None else high - 1, wanted, setting)
