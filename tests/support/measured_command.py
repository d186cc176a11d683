"""What the tests of `primum measure` share."""

from __future__ import annotations

SHORT = ("eval.generation.max_new_tokens=4", "eval.generation.batch_size=8")
