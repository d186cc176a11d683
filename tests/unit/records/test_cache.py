"""Where compilers keep their kernels."""

from __future__ import annotations

from pathlib import Path

import pytest

from records.cache import name_compiler_caches


def test_kernels_are_kept_a_node_and_where_the_environment_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PRIMUM_CACHE", "/data/cache")
    environment = {"TRITON_CACHE_DIR": "/local/triton"}
    name_compiler_caches(environment)
    folder = Path(environment["TORCHINDUCTOR_CACHE_DIR"])
    assert (folder.parts[:4], folder.name) == (("/", "data", "cache", "compiled"), "inductor")
    assert environment["TRITON_CACHE_DIR"] == "/local/triton"
