"""What the report calls scorers and metrics, and which metrics stand together."""

from __future__ import annotations

from typing import NamedTuple

from measures.estimates import Estimate

TITLES = {
    "rule": "string rule",
    "default": "default (what eval uses)",
    "tfidf": "TF-IDF fitted here",
    "tfidf_completion_only": "TF-IDF, completion only",
    "tfidf_prompt_only": "TF-IDF, prompt only",
    "people": "people against people",
}
YARDSTICKS = ("rule", "tfidf", "tfidf_completion_only", "tfidf_prompt_only", "people")
"""Not what is judged here, but what it is judged beside."""
ABLATIONS = {"_prompt_only": ", prompt only", "_completion_only": ", completion only"}


class Group(NamedTuple):
    title: str
    columns: dict[str, str]
    """Column title by metric."""


PROBED = ("echo", "constant", "weather", "loop", "decline")
MOVED = ("swap", "swap_harmful", "twin_swap", "prefix", "length", "wording")
GROUPS = (
    Group(
        "harm: ranking",
        {
            "auroc": "AUROC",
            "auroc_less_rule": "less the rule's",
            "average_precision": "average precision",
            "auroc_not_refused": "AUROC among the not refused",
            "auroc_within_prompt": "AUROC within prompts",
        },
    ),
    Group(
        "harm: decisions",
        {
            "kappa": "kappa",
            "kappa_ceiling": "kappa, best threshold in hindsight",
            "macro_f1": "macro-F1",
            "recall": "found of the harmful",
            "false_alarms": "false alarms",
        },
    ),
    Group(
        "refusal",
        {
            "refusal_kappa": "kappa",
            "refusal_kappa_less_rule": "less the rule's",
            "refusal_kappa_3": "kappa of three classes",
            "refusal_auroc": "AUROC",
            "refusal_macro_f1": "macro-F1",
            "refusal_recall": "found of the refused",
            "refusal_false_alarms": "false alarms",
        },
    ),
    Group("pairs", {"pair_accuracy": "accuracy", "pair_ties": "ties"}),
    Group(
        "harmfulness 1-5",
        {"harmfulness_kappa": "quadratic kappa", "harmfulness_spearman": "Spearman"},
    ),
    *(
        Group(
            channel.replace("_", " "),
            {
                f"{channel}_auroc": "AUROC",
                f"{channel}_auroc_within_prompt": "AUROC within prompts",
                f"{channel}_average_precision": "average precision",
                f"{channel}_kappa": "kappa",
                f"{channel}_recall": "recall",
                f"{channel}_false_alarms": "false alarms",
            },
        )
        for channel in ("unsafe_advice", "coherent", "complies")
    ),
    Group("probes: share called harmful", {f"called_{probe}": probe for probe in PROBED}),
    *(
        Group(
            f"probes: mean move of {channel}",
            {f"{channel}_moved_{probe}": probe.replace("_", " ") for probe in MOVED},
        )
        for channel in ("harm", "complies")
    ),
    Group(
        "probes: unsafe advice", {"advice_pairs": "pairs whose unsafe side scores as more harmful"}
    ),
    Group("claims about completions", {"claim_kappa": "kappa of physicians"}),
    Group(
        "certainty",
        {
            "error_rate": "error rate",
            "risk_at_80": "error rate of the surest 80 %",
            "error_auroc": "uncertainty ranks errors (AUROC)",
            "aurc": "area under risk and coverage",
            "aurc_less_random": "less that of a random order",
            "brier": "Brier score",
            "calibration_error": "calibration error",
            "out_of_domain_auroc": "uncertainty tells this set from the one that it knows (AUROC)",
        },
    ),
)
HEADLINES = {
    "auroc": "harm: AUROC",
    "auroc_not_refused": "harm among the not refused: AUROC",
    "refusal_kappa": "refusal: kappa",
    "pair_accuracy": "pairs: accuracy",
    "harmfulness_kappa": "harmfulness: quadratic kappa",
    "unsafe_advice_auroc": "unsafe advice: AUROC",
}
"""Metrics that are drawn, and shown by writer and category; higher is better."""
CHANCE = {
    "auroc": 0.5,
    "auroc_not_refused": 0.5,
    "refusal_kappa": 0.0,
    "pair_accuracy": 0.5,
    "harmfulness_kappa": 0.0,
    "unsafe_advice_auroc": 0.5,
}

READING = (
    (
        "AUROC is the chance that a harmful completion scores above a harmless one, ties one half: "
        "0.5 is chance. It knows no threshold."
    ),
    (
        "Kappa is agreement beyond chance at the scorer's own threshold. Where few completions are "
        "harmful it stays low even for a good ranking: `best threshold in hindsight` is its "
        "ceiling for this ranking at this prevalence, and no claim."
    ),
    (
        "`AUROC among the not refused` leaves out what the string rule calls refused: a scorer "
        "that only knows refusals is at 0.5 there."
    ),
    (
        "`AUROC within prompts` compares a harmful with a harmless completion to the same prompt, "
        "so that reading the prompt alone gives 0.5. Its n counts such pairs."
    ),
    (
        "`less the rule's` is the difference from the string rule on the same completions; its "
        "interval is of the difference."
    ),
    (
        "TF-IDF is fitted on the very set, in five folds that never divide a prompt. It says what "
        "words alone can tell here; no other set would get the same from it. Where its prompt-only "
        "version is near a scorer, the set does not show that the scorer reads completions."
    ),
    (
        "People against people is the agreement of the set's own raters. A scorer cannot be shown "
        "to be better than that."
    ),
    "Pairs: the chosen completion should score as less harmful; a tie counts one half.",
    (
        "`value (low to high), n`: 95 % intervals from drawing whole prompts again, 1000 times "
        "unless the command says otherwise. Those of TF-IDF fit it again for every draw. `n` "
        "counts completions that people labelled and the scorer scored; of `found` and `false "
        "alarms`, those that people call harmful, or harmless."
    ),
)
LIMITS = (
    (
        "The sets are public: a scorer may have been trained on them, or its makers may have "
        "looked at them. The string rule was written while looking at XSTest."
    ),
    (
        "Few of these completions are medical. That a scorer sees general harm says little of "
        "whether it sees a dangerous dose."
    ),
    (
        "Writers are models of 2023; completions of the policies that this scorer will judge may "
        "be of another kind. Rate some of them (`primum review-export`)."
    ),
)


def title_of(scorer: str) -> str:
    """`default (what eval uses)` for default; ablated versions name what they read."""
    if scorer in TITLES:
        return TITLES[scorer]
    for ending, words in ABLATIONS.items():
        if scorer.endswith(ending):
            return (
                TITLES.get(scorer.removesuffix(ending), scorer.removesuffix(ending)).partition(
                    " ("
                )[0]
                + words
            )
    return scorer


def entry_text(estimate: Estimate) -> str:
    """`0.67 (0.61 to 0.73)`."""
    if estimate.mean is None:
        return "no value"
    low, high = estimate.interval
    ends = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    return f"{estimate.mean:.2f}{ends}"
