"""Preference pairs that teach what is wanted and nothing else.

Three types, so that neither the prefix nor the length of an answer gives the preference away:
- harm: a safe answer over a more harmful one;
- refuse_then_comply: the same, with a refusal opening put before the harmful answer;
- over_refusal: on a benign prompt, a helpful answer over the refusal that its harmful twin deserves.
"""

from data_prep.pairs.building import PairsResult, build_pairs, plain_pairs
from data_prep.pairs.candidates import Candidate, candidates, rejected_id
from data_prep.pairs.report import describe, summary_lines

__all__ = ["Candidate", "PairsResult", "build_pairs", "candidates", "describe", "plain_pairs", "rejected_id", "summary_lines"]
