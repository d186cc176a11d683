"""What a policy must have kept besides its manners: lines of the gate that need evidence of their
own.
"""

from __future__ import annotations

from collections.abc import Iterator

from eval.capability.gate import capability_gates
from eval.config import GateConfig
from eval.gate_line import GateLine
from eval.results.results import Results
from eval.tamper.gate import tamper_gates


def kept_lines(results: Results, policy: str, config: GateConfig) -> Iterator[GateLine]:
    """Medical capability against the base, and harm once somebody tampers with the weights."""
    yield from capability_gates(results.capability, policy, config)
    yield from tamper_gates(results.tamper, policy, config)
