"""Preference pairs that teach what is wanted and nothing else.

Three types, so that neither the prefix nor the length of a completion gives the preference away:
- harm: a safe completion over a more harmful one;
- refuse_then_comply: the same, with a refusal opening put before the harmful completion;
- over_refusal: on a benign prompt, a helpful completion over the refusal that its harmful twin
  deserves.
"""
