"""How far the reward model and the scorers that no training touched agree, in words."""

from __future__ import annotations

from eval.report.tables import score_cell
from eval.results.results import Results

NO_KAPPA = "; there is no kappa, since one of the two calls all completions harmful or none"


def agreement_text(results: Results, policy: str) -> str:
    """`a rank correlation of 0.31 (0.08 to 0.52, n 73) and a kappa of 0.16 (...)`; empty where
    neither was measured.
    """
    parts = []
    ranks, kappa = results.rank_agreement.get(policy), results.agreement.get(policy)
    for name, found in (("rank correlation", ranks), ("kappa", kappa)):
        if found and found.mean is not None:
            value, detail = score_cell(found)
            parts.append(f"a {name} of {value} ({detail})")
    # A kappa of 0 would pass for disagreement where there is nothing to agree on.
    undefined = parts and kappa and kappa.mean is None and kappa.n
    return " and ".join(parts) + (NO_KAPPA if undefined else "")
