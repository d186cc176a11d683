"""The ledger of test sets (eval/test_ledger.py) as an evaluation of a run writes it."""

from __future__ import annotations

from datetime import UTC, datetime

from eval.results.opened import OpenedSet
from eval.test_ledger import Opening, enter, ledger_path, looked_at, set_hash
from pipeline.run.place import Place
from records.cache import cache_directory
from records.rows import Prompt
from records.stage_folder import read_json, sha256_json

NO_RECIPE = ("run_dir", "seed", "trainer", "eval", "release")
"""Blocks of the config that no policy is made by."""


def enter_ledger(place: Place, prompts: list[Prompt]) -> OpenedSet:
    """That this run opens these test prompts, before it sees what comes of it; and how often they
    were opened by now.
    """
    name = set_hash(prompts)
    run = read_json(place.path / "run.json")
    recipe = {}
    # Seeds and measuring are no other recipe: they are looks at the test set by the same one.
    for key, value in run["config"].items():
        if key not in NO_RECIPE:
            recipe[key] = value
    opening = Opening(
        kind="evaluation",
        run=sha256_json({"recipe": recipe, "seed": run["seed"]}),
        recipe=sha256_json(recipe),
        seed=run["seed"],
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    try:
        openings = enter(ledger_path(cache_directory(), name), opening)
    # A ledger that cannot be written must not stop an evaluation; that it is not counted is said in
    # the report.
    except OSError as error:
        reason = f"its ledger in {cache_directory()} cannot be written ({error.strerror})"
        place.say(f"how often these test prompts were opened is not counted: {reason}")
        return OpenedSet(sha256=name, reason="its ledger could not be written")
    opened = OpenedSet(sha256=name, run=opening.run, recipe=opening.recipe, seed=opening.seed)
    return looked_at(opened, openings)
