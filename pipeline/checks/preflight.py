"""What `primum check` and `primum run` both look at before a stage works: seconds, no weight, and
every fault at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from models.loading.inspection import require_model, tokenizer_faults
from pipeline.checks.dealing import Dealt, deal, dealing_faults, described
from pipeline.checks.inputs import input_faults, read_rows, read_suites
from pipeline.checks.installation import installation_faults, place_faults
from pipeline.checks.model_fit import fit_faults, position_faults
from pipeline.checks.plans import plan_findings, rank_faults
from pipeline.checks.rendering import Tried, fit_in_length, longest_by_use, try_rows
from pipeline.run.config import RunConfig
from records.errors import PrimumError
from records.rows import Demonstration
from train.config import wandb_trouble
from train.engine.hardware import device_faults


@dataclass
class Findings:
    """What was found on the way; what could not be looked at, because of a fault, stays empty."""

    faults: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    """What the run will do, for people."""
    rows: list[Demonstration] = field(default_factory=list)
    dealt: Dealt | None = None
    tokenizer: Any | None = None
    network: Any | None = None
    """The base without weights, on the meta device."""
    tried: Tried | None = None

    def add(self, faults: list[str]) -> None:
        """Each fault once, even where several checks find it."""
        self.faults += [fault for fault in faults if fault not in self.faults]


def preflight(config: RunConfig) -> Findings:
    """Everything that can be known of a run before its first stage works, faults among it.

    Raises nothing of its own.
    """
    found = Findings()
    found.add(input_faults(config))
    found.add([*place_faults(config), *installation_faults(config), *wandb_trouble(config.wandb)])
    found.add(rank_faults(config))
    _look_at_model(config, found)
    _look_at_data(config, found)
    return found


def _look_at_model(config: RunConfig, found: Findings) -> None:
    try:
        require_model(config.model.base)
    except PrimumError:
        return  # the stages have said so
    found.tokenizer, faults = tokenizer_faults(config.model.base)
    found.add(faults)
    found.network, faults = fit_faults(config, found.tokenizer)
    found.add(faults)


def _look_at_data(config: RunConfig, found: Findings) -> None:
    found.rows, faults = read_rows(config)
    suites, suite_faults = read_suites(config)
    found.add([*faults, *suite_faults])
    # Rows that are half read would be dealt into splits that the run will not have.
    if not found.rows or faults:
        return
    found.dealt = deal(found.rows, config.data, config.seed)
    found.add(dealing_faults(config, found.dealt, suites))
    found.lines += described(found.dealt)
    if found.tokenizer is None:
        return
    # Real rows and not a guess by characters: tokens per word differ twofold between tokenizers.
    found.tried = try_rows(found.tokenizer, found.dealt.rows, config.model.max_length)
    found.add(fit_in_length(config, found.tried))
    faults, lines = plan_findings(config, found.dealt, found.tried)
    found.add(faults)
    found.lines += lines
    if found.network is not None:
        longest = longest_by_use(config, found.tokenizer, found.dealt, suites, found.tried)
        found.add(position_faults(config, found.network, longest))


def require_sound(config: RunConfig) -> None:
    """Raise PrimumError with every fault, so that none of them waits for hours of other work."""
    found = preflight(config)
    # Of this machine; a login node, where `check` runs, has no GPU.
    found.add(device_faults(config.trainer))
    faults = found.faults
    if faults:
        raise PrimumError(faults)
