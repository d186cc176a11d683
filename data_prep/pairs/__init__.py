"""Preference pairs that teach what is wanted and nothing else.

Three types, so that neither the prefix nor the length of an answer gives the preference away:
- harm: a safe answer over a more harmful one;
- refuse_then_comply: the same, with a refusal opening put before the harmful answer;
- over_refusal: on a benign prompt, a helpful answer over the refusal that its harmful twin
  deserves.
"""
