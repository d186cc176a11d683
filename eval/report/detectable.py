"""How the report shows the smallest difference that a comparison would have found."""

from __future__ import annotations

NOTE = (
    "Change is the policy less what it is held against, on the same prompts; rates in percentage "
    "points. Found in 80 %: the smallest true change, either way, that so many prompts show in 80 "
    "% of runs; no change seen says nothing about smaller ones."
)


def mde_text(mde: float | None, *, rate: bool) -> str:
    """A smallest detectable difference; rates in percentage points."""
    if mde is None:
        return "not measured"
    return f"{100 * mde:.1f} points" if rate else f"{mde:.2f}"
