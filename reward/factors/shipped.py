"""Where the shipped heads lie. Loads nothing, so that a page can quote their figures at no cost."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "package_data"
"""The heads that ship with Primum."""
NUMBERS, FACTS = "heads.safetensors", "heads.json"
ADVICE = "unsafe_advice.jsonl"
"""Our pairs of unsafe and safe advice, which the audit asks about."""
FIGURES = "figures.json"
"""What the heads reach on what they were not fitted on; `reward.factors.fit` writes it."""
