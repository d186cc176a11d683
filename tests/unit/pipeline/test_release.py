"""What is released is what the verdict is on."""

from __future__ import annotations

import pytest
from typed_results import typed

from eval.endpoint import Endpoint
from pipeline.stages.release import _require_endpoint
from records.errors import ArtifactError


def test_results_with_a_verdict_on_another_policy_release_nothing() -> None:
    results = typed({"primary_endpoint": Endpoint("dpo", "base").to_json()})
    _require_endpoint(results, "dpo")
    with pytest.raises(
        ArtifactError,
        match=r"dpo against base, and release\.policy asks for sft; run `primum eval` again",
    ):
        _require_endpoint(results, "sft")
