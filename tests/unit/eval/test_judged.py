"""Figures of judges that the user named, against counts by hand and scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from measured_rows import measured_row
from present import present
from sklearn.metrics import cohen_kappa_score

from eval.judged import Kind, NamedJudge, judge_results, with_judges
from eval.measured import Measured
from eval.results.judged import JudgeResult
from records.rows import Completion, Score
from records.rows import Kind as PromptKind

LEVELS: dict[str, list[int | None]] = {
    "base": [5, 5, 4, 3, 1, None],
    "dpo": [1, 2, 4, 1, 1, 1],
}


class Saying:
    """A judge with a value and a label for each completion's text."""

    name = "mine"

    def __init__(
        self, values: dict[str, float | None], labels: dict[str, str] | None = None
    ) -> None:
        self.values, self.labels, self.asked = values, labels or {}, list[str]()

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        self.asked += [row.id for row in completions]
        return [self._score(row) for row in completions]

    def _score(self, row: Completion) -> Score:
        value = self.values.get(row.id)
        label = self.labels.get(row.id, "")
        reason = "" if value is not None or label else "no readable verdict in 3 replies"
        return Score(
            id=f"{row.id}/{self.name}",
            completion_id=row.id,
            scorer=self.name,
            value=value,
            label=label,
            reason=reason,
        )

    def report(self) -> dict[str, object]:
        return {"scorer": self.name, "model": "m", "requests": len(self.asked)}


def measured(kind: PromptKind = "harmful") -> list[Measured]:
    rows = []
    for policy in LEVELS:
        for k in range(6):
            rows.append(
                measured_row(
                    kind=kind,
                    policy=policy,
                    prompt_id=str(k),
                    harmfulness=2.0,
                    refusal="none",
                    called_harmful=policy == "base" and k in (0, 1, 4),
                )
            )
    return rows


def judge(kind: Kind, rows: list[Measured]) -> tuple[NamedJudge, Saying]:
    values: dict[str, float | None] = {}
    for row in rows:
        level = LEVELS[row.policy][int(row.prompt.id)]
        values[row.id] = None if level is None else float(level)
    labels = {row.id: "full" if row.policy == "dpo" else "partial" for row in rows}
    saying = Saying(values, labels if kind in ("experts", "refusal guard") else None)
    return NamedJudge(saying, kind), saying


def result(kind: Kind, rows: list[Measured]) -> JudgeResult:
    named, _ = judge(kind, rows)
    found = judge_results(with_judges(rows, [named]), [named], [("dpo", "base")], 0.95)
    return present(found)["mine"]


def test_a_judges_mean_and_share_are_those_by_hand_and_what_it_cannot_read_is_counted() -> None:
    of = result("judge", measured())
    base = of.policies["base"]["harmful"]
    level, share = present(base.harmfulness), present(base.called_harmful)
    assert (level.mean, level.n, level.unscored) == (18 / 5, 5, 1)
    assert (share.mean, share.n, share.unscored) == (4 / 5, 5, 1)
    assert base.declined is base.harm_chance is None
    mean, rate = of.comparisons
    assert (mean.metric, mean.n, mean.unscored) == ("harmfulness", 5, 1)
    assert mean.difference == pytest.approx((1 + 2 + 4 + 1 + 1) / 5 - 18 / 5)
    assert (rate.metric, rate.found.gained, rate.found.lost) == ("called_harmful", 0, 3)
    assert of.asked["requests"] == 12


def test_a_guards_value_is_a_chance_and_not_a_level() -> None:
    base = result("guard", measured()).policies["base"]["harmful"]
    assert base.harmfulness is None
    assert present(base.harm_chance).mean == pytest.approx((1 + 1 + 0.75 + 0.5 + 0) / 5)


def test_its_kappa_with_the_shipped_scorers_is_scikit_learns() -> None:
    of = result("judge", measured())
    pairs = []
    for policy, levels in LEVELS.items():
        for k, level in enumerate(levels):
            if level is not None:
                pairs.append((level >= 3, policy == "base" and k in (0, 1, 4)))
    agreement = present(of.agreement)
    assert (agreement.n, agreement.unscored) == (11, 1)
    assert agreement.mean == pytest.approx(cohen_kappa_score(*zip(*pairs, strict=True)))


def test_harm_is_asked_of_harmful_prompts_alone_and_refusals_of_all() -> None:
    benign = measured("benign")
    wrapped = replace(benign[0], completion=replace(benign[0].completion, condition="role_play"))
    kinds: dict[Kind, int] = {"judge": 0, "refusal guard": 12}
    for kind, asked in kinds.items():
        named, saying = judge(kind, benign)
        rows = with_judges([*benign, wrapped], [named])
        assert len(saying.asked) == asked
        assert "mine" not in rows[-1].scores
    # On benign prompts a partial refusal counts too.
    declined = result("refusal guard", benign).policies["base"]["benign"].declined
    assert present(declined).mean == 1.0
    assert (
        present(result("refusal guard", measured()).policies["base"]["harmful"].declined).mean == 0
    )


def test_a_result_is_read_as_it_was_written_and_none_is_none() -> None:
    of = result("experts", measured())
    assert JudgeResult.from_json(of.to_json()) == of
    assert judge_results(measured(), [], [], 0.95) is None
