"""What a measurement without a run was made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.results.facts import PolicyFacts
from models.engines.generate import generation_dtype
from models.engines.vllm_engine import engine_name
from pipeline.measuring.asking import FROM_A_FILE, Asked
from pipeline.run.config import RunConfig
from pipeline.run.provenance import run_record

Json = dict[str, Any]


def provenance(config: RunConfig, asked: Sequence[Asked]) -> Json:
    """What a measurement without a run used, as far as it is known."""
    record = run_record(config)
    return {
        "model": asked[0].about.path,
        "models": {policy.name: _told(policy.about) for policy in asked},
        "commit": record["commit"],
        "uncommitted_changes": record["dirty"],
        "generation": _generation(config, {policy.about.kind or "" for policy in asked}, record),
        "versions": record["versions"],
        "machine": record["machine"],
    }


def _told(about: PolicyFacts) -> Json:
    """Where a policy came from, as far as it is known; a model's revision is stated in any case."""
    known = {"path": about.path, "kind": about.kind}
    if about.kind == "model":
        return {**known, "revision": about.revision}
    return known if about.server is None else {**known, "server": about.server}


def _generation(config: RunConfig, kinds: set[str], record: Json) -> Json:
    """As far as it is known here: not of a file, and of a server what it was asked for, without its
    number type.
    """
    if kinds == {FROM_A_FILE}:
        return {"engine": FROM_A_FILE}
    asked = record["config"]["eval"]["generation"]
    if "model" not in kinds:
        # A server's number type is its own business, and must not read as the config's.
        return {**asked, "engine": "server", "dtype": None}
    used = str(generation_dtype(config.eval.generation)).removeprefix("torch.")
    engine = engine_name(config.eval.engine, config.model.vllm)
    return {"engine": engine, **asked, "dtype_used": used}
