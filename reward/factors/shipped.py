"""Where the shipped heads lie. Loads nothing, so that a page can quote their figures at no cost."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "package_data"
"""The heads that ship with Primum."""
NUMBERS, FACTS = "heads.safetensors", "heads.json"
FIGURES = "figures.json"
"""What the heads reach on what they were not fitted on; `reward.factors.fit` writes it."""
