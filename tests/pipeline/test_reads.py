"""A model's files are read as often as they must be: how often, by stage, in the shared tiny run.

The scoreboard's epochs are not in the table: sft has two, and its base is read no more often.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from records.stage_folder import read_json

pytestmark = pytest.mark.slow

HARM_MODEL = {"model reward_model": 1, "tokenizer reward_model": 1}
EXPORTED = {"model policy": 1, "tokenizer policy": 1, "tokenizer adapter": 2}
"""A training reads what it wrote, once, as a user would; peft reads the adapter's tokenizer as
well."""
READS = {
    "prep": {"tokenizer base": 1},
    "sample": {"model base": 1, "tokenizer base": 1},
    # What it exports is read back once, compared, and then calibrated and audited.
    "reward": {"model base": 1, "tokenizer base": 1, **HARM_MODEL},
    "score": HARM_MODEL,
    "pairs": {"tokenizer base": 1},
    # The base twice: to train, and by peft, which finds it by the name in the adapter.
    "sft": {"model base": 2, "tokenizer base": 1, **HARM_MODEL, **EXPORTED},
    "dpo": {"model base": 1, "model sft": 1, "tokenizer sft": 1, **HARM_MODEL, **EXPORTED},
    "sft_control": {"model base": 1, "model sft": 1, "tokenizer sft": 1, **HARM_MODEL, **EXPORTED},
    "eval": {
        **{f"model {policy}": 1 for policy in ("base", "sft", "dpo", "sft_control")},
        **{f"tokenizer {policy}": 1 for policy in ("base", "sft", "dpo", "sft_control")},
        **HARM_MODEL,
    },
}


@pytest.fixture(scope="module")
def read(finished: Path) -> dict[str, dict[str, int]]:
    return read_json(finished.parent / "reads.json")


def named(stage: str, where: str, base: Path) -> str:
    """The folder as the table calls it: of a policy that another stage left, that stage."""
    folder = Path(where)
    if folder == base:
        return "base"
    foreign = folder.name == "policy" and folder.parent.name != stage
    return folder.parent.name if foreign else folder.name


@pytest.mark.parametrize("stage", READS)
def test_a_stage_reads_a_model_as_often_as_it_must_and_a_tokenizer_once(
    read: dict[str, dict[str, int]], stage: str, tiny_directory: Path
) -> None:
    found: Counter[str] = Counter()
    for place, times in read[stage].items():
        what, _, where = place.partition(" ")
        found[f"{what} {named(stage, where, tiny_directory)}"] += times
    assert dict(found) == READS[stage]


def test_no_other_stage_reads_a_model(read: dict[str, dict[str, int]]) -> None:
    """`check`, which goes before them all, reads one tokenizer."""
    before = read["before the first stage"]
    assert list(before.values()) == [1]
    assert all(place.startswith("tokenizer ") for place in before)
    assert set(read) == {"before the first stage", *READS}
