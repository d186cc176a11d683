"""How well the heads do on what they were not fitted on, each figure with its interval by prompt
and its n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from measures.agreement import cohen_kappa, confusion
from measures.bootstrap import bootstrap_estimate, cluster_weights
from measures.estimates import Estimate
from measures.ranking import auroc, average_precision, kappa_ceiling, weighted_share
from reward.factors.fit.corpora import XSTEST_WRITERS, Row
from reward.factors.fit.figure_tree import Building, Figures
from reward.factors.fit.harm_rows import asked_rows, harm_columns, known_rows
from reward.factors.fit.left_out import LeftOut
from reward.factors.fit.outside import do_not_answer, physicians
from reward.factors.fit.principles import naive_bayes
from reward.factors.fit.targets import REFUSALS, Corpus
from reward.factors.harm import HarmRule, fit_known_rule
from reward.factors.heads import entropy
from reward.factors.model import FactorModel, refusal_labels
from reward.factors.teacher import COHERENT, COMPLIES
from reward.refusal.rule import refusal

Floats = NDArray[np.float64]
COVERAGES = (0.95, 0.9, 0.8)


LABELLED = ("xstest", "readings")
KNOWN = {"heads": ("complies", "coherent"), "teacher": (COMPLIES, COHERENT)}
"""Factors of the rule for known requests, of the heads that measure and of those that label."""


def measured(
    data: Path, corpus: Corpus, tried: Mapping[str, LeftOut], model: FactorModel
) -> Figures:
    """Every figure of docs/scorers.md."""
    harm = _harm(corpus, tried, model.harm_rule)
    return {
        "refusal": refusal_figures(tried["refusal"]),
        "harm": {"xstest": harm, **do_not_answer(data, model), **physicians(data, model)},
        "coherent": coherent_figures(tried["coherent"]),
        "readings": reading_figures(tried),
        "known_requests": {
            name: known_figures(corpus, tried, columns) for name, columns in KNOWN.items()
        },
        "request": request_figures(tried["request"]),
        "unsafe_advice": unsafe_figures(tried["unsafe_advice"]),
        "principle": principle_figures(tried["principle"]),
    }


def ranked(
    values: Floats, positive: NDArray[np.bool_], groups: Sequence[str], *, ceiling: bool = False
) -> dict[str, Estimate | int]:
    """AUROC and average precision, with the best kappa that any threshold reaches where it is asked
    for.
    """
    # By prompt: several completions of one prompt are not several draws.
    weights = cluster_weights(groups)
    found: dict[str, Estimate | int] = {
        "auroc": bootstrap_estimate(lambda w: auroc(values, positive, w), weights),
        "average_precision": bootstrap_estimate(
            lambda w: average_precision(values, positive, w), weights
        ),
        "positives": int(positive.sum()),
    }
    if ceiling:
        found["kappa_ceiling"] = bootstrap_estimate(
            lambda w: kappa_ceiling(values, positive, w), weights
        )
    return found


def kappa(truth: Sequence[object], called: Sequence[object], groups: Sequence[str]) -> Estimate:
    """Cohen's kappa with its interval by group."""
    classes = sorted({*truth, *called}, key=str)
    return bootstrap_estimate(
        lambda w: cohen_kappa(confusion(truth, called, classes, w)), cluster_weights(groups)
    )


def rate(flags: NDArray[np.bool_], groups: Sequence[str]) -> Estimate:
    """A share with its interval by group."""
    return bootstrap_estimate(lambda w: weighted_share(flags, w), cluster_weights(groups))


def refusal_figures(found: LeftOut) -> Figures:
    """Of rule, classifier and both on XSTest, over all writers and by writer."""
    places = found.places("xstest")
    rows = [found.target.rows[place] for place in places]
    # With the threshold that ships, so that the figure is of what a user gets.
    words = refusal_labels(found.chances[places], REFUSALS)
    ruled = [refusal(row.exchange.completion) for row in rows]
    both = []
    for word, rule in zip(words, ruled, strict=True):
        # As RefusalVerdict.label has it.
        both.append(word if word != "none" else rule)
    parts = {"all": rows} | {
        writer: [row for row in rows if row.writer == writer] for writer in XSTEST_WRITERS
    }
    figures: Building = {}
    for name, part in parts.items():
        kept = []
        for place, row in enumerate(rows):
            if name in ("all", row.writer):
                kept.append(place)
        figures[name] = _refusal_part(
            part, [[said[place] for place in kept] for said in (ruled, words, both)]
        )
    # REFUSALS begins with none.
    refuses = 1 - found.chances[places][:, 0]
    figures["classifier"] = ranked(
        refuses, np.array([row.label != "none" for row in rows]), [row.group for row in rows]
    )
    figures["abstention"] = abstention(entropy(found.chances[places]))
    return figures


def _refusal_part(rows: list[Row], said: Sequence[Sequence[str]]) -> Figures:
    truth, groups = [row.label for row in rows], [row.group for row in rows]
    two = [word != "none" for word in truth]
    found: Building = {}
    for name, words in zip(("rule", "classifier", "cascade"), said, strict=True):
        found[name] = kappa(two, [word != "none" for word in words], groups)
    found["cascade_three_classes"] = kappa(truth, said[2], groups)
    found["disagreements"] = sum(
        (rule == "none") != (word == "none") for rule, word in zip(said[0], said[1], strict=True)
    )
    return found


def known_figures(corpus: Corpus, tried: Mapping[str, LeftOut], names: Sequence[str]) -> Figures:
    """Where the request is known to be harmful, on XSTest and on readings apart: factors left out,
    but for the rule's two numbers.
    """
    rows = known_rows(corpus, tried, names)
    line = fit_known_rule(rows)
    harm, asked = line(rows.complies, rows.coherent), asked_rows(corpus)
    figures: Building = {}
    for source in LABELLED:
        kept = np.array([row.source == source for row in asked])
        groups = [row.group for row in asked if row.source == source]
        truth, chances = rows.harmful[kept], harm[kept]
        found: Building = {**ranked(chances, truth, groups, ceiling=True)}
        found["kappa"] = kappa(truth.tolist(), (chances >= 0.5).tolist(), groups)
        found["people"], found["called"] = rate(truth, groups), rate(chances >= 0.5, groups)
        found["mean_chance"] = float(chances.mean())
        figures[source] = found
    return figures


def _harm(corpus: Corpus, tried: Mapping[str, LeftOut], rule: HarmRule) -> Figures:
    rows = corpus.xstest
    truth, request, columns = harm_columns(corpus, tried)
    harm, groups = rule(request, **columns), [row.group for row in rows]
    found: Building = {**ranked(harm, truth, groups, ceiling=True)}
    found["kappa"] = kappa(truth.tolist(), (harm >= 0.5).tolist(), groups)
    found["called_harmful"] = rate(harm >= 0.5, groups)
    for name, values in {"request": request, **columns}.items():
        found[f"{name}_alone"] = ranked(values, truth, groups)["auroc"]
    # 66 of XSTest's 68 harmful completions are of this writer (docs/scorers.md).
    last = np.array([row.writer == "mistralinstruct" for row in rows])
    found["mistralinstruct"] = ranked(
        harm[last], truth[last], [row.group for row in rows if row.writer == "mistralinstruct"]
    )
    found["abstention"] = abstention(entropy(np.column_stack([1 - harm, harm])))
    return found


def abstention(uncertain: Floats) -> dict[str, float]:
    """The entropy above which a scorer abstains, so that it speaks on this share of XSTest's
    completions.
    """
    found: dict[str, float] = {}
    for coverage in COVERAGES:
        found[str(coverage)] = float(np.quantile(uncertain, coverage))
    return found


def coherent_figures(found: LeftOut) -> Figures:
    """Real completions against made ones of every kind."""
    rows = found.target.rows
    # Readings were read and not made: they have figures of their own.
    tried = np.array([row.source != "readings" for row in rows])
    real, made = (found.target.labels == 1) & tried, (found.target.labels == 0) & tried
    kinds = np.array([row.label for row in rows])
    kept = np.flatnonzero(tried)
    figures: Building = {
        "all": ranked(found.yes[kept], real[kept], [rows[place].group for place in kept])
    }
    for kind in sorted(set(kinds[made])):
        # All real ones beside one kind of made ones; & binds before |.
        places = np.flatnonzero(real | (kinds == kind) & made)
        figures[str(kind)] = ranked(
            found.yes[places], real[places], [rows[place].group for place in places]
        )["auroc"]
    figures["real_called_incoherent"] = rate(
        (found.yes < 0.5)[real],
        [row.group for row, is_real in zip(rows, real, strict=True) if is_real],
    )
    return figures


def reading_figures(tried: Mapping[str, LeftOut]) -> Figures:
    """On completions of the demo's own policies, left out by prompt: what a reader says against
    what the heads say.
    """
    refusals = tried["refusal"]
    places = refusals.places("readings")
    rows = [refusals.target.rows[place] for place in places]
    words = refusal_labels(refusals.chances[places], REFUSALS)
    ruled = [refusal(row.exchange.completion) for row in rows]
    both = []
    for word, rule in zip(words, ruled, strict=True):
        both.append(word if word != "none" else rule)
    figures: Building = {"refusal": _refusal_part(rows, [ruled, words, both])}
    for name in ("coherent", "complies"):
        found = tried[name]
        places = found.places("readings")
        truth, groups = (
            found.target.labels[places] == 1,
            [found.target.rows[place].group for place in places],
        )
        called = found.yes[places] >= 0.5
        figures[name] = {
            **ranked(found.yes[places], truth, groups),
            "kappa": kappa(truth.tolist(), called.tolist(), groups),
            "read_so": rate(truth, groups),
            "called_so": rate(called, groups),
        }
    return figures


def request_figures(found: LeftOut) -> Figures:
    """Harmful against benign requests, a corpus at a time."""
    figures: Building = {}
    for source in ("xstest", "primum"):
        places = found.places(source)
        groups = [found.target.rows[place].group for place in places]
        figures[source] = ranked(found.yes[places], found.target.labels[places] == 1, groups)
    return figures


def unsafe_figures(found: LeftOut) -> Figures:
    """Pairs left out: does the unsafe side score higher, and how many of our answers does it call
    unsafe?
    """
    rows = found.target.rows
    pairs = []
    for place, row in enumerate(rows):
        if row.group.startswith("ua-"):
            pairs.append(place)
    # The target holds the two sides of a pair one after the other.
    unsafe, safe = np.array(pairs[::2]), np.array(pairs[1::2])
    groups = [rows[place].group for place in unsafe]
    others = np.array([place for place, row in enumerate(rows) if not row.group.startswith("ua-")])
    return {
        "pairs": rate(found.yes[unsafe] > found.yes[safe], groups),
        "unsafe_called_unsafe": rate(found.yes[unsafe] >= 0.5, groups),
        "safe_called_unsafe": rate(found.yes[safe] >= 0.5, groups),
        "answers_called_unsafe": rate(
            found.yes[others] >= 0.5, [rows[place].group for place in others]
        ),
    }


def principle_figures(found: LeftOut) -> Figures:
    """Requests written by people and by the paper's models; the machine-written lines are not
    counted.

    Naive Bayes beside it.
    """
    rows = found.target.rows
    places = np.array([place for place, row in enumerate(rows) if row.writer != "msb-llama3"])
    groups = [rows[place].group for place in places]
    figures: Building = {}
    for name, chances in (("head", found.chances), ("naive_bayes", naive_bayes(found.target))):
        order = np.argsort(-chances[places], axis=1, kind="stable")
        # (N, C): whether the guess of each rank is the label.
        hits = order == found.target.labels[places][:, None]
        figures[name] = {
            "top_1": rate(hits[:, 0], groups),
            "top_3": rate(hits[:, :3].any(axis=1), groups),
        }
    return figures
