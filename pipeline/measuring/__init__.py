"""Measuring without a run: any model, server or file of completions, with eval's own scorers and
results.
"""
