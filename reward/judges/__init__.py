"""Scorers that ask a model or people: judges by a rubric, guard models, juries, and experts."""
