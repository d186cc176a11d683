"""`primum fetch` without a network: what is local needs nothing, what is not is named, all at
once.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from pipeline.cli import main


def test_a_local_model_and_builtin_data_need_nothing(
    tiny_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(f"model: {{base: {{path: {tiny_directory}}}}}")
    assert main(["fetch", str(config)]) == 0
    assert "a local directory, nothing to fetch" in capsys.readouterr().out


def test_what_cannot_be_fetched_is_named_with_its_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address where nothing listens stands for a node without internet."""
    import datasets
    import huggingface_hub

    def unreachable(*args: object, **kwargs: object) -> NoReturn:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "list_repo_files", unreachable)
    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    config = tmp_path / "run.yaml"
    config.write_text(
        "model: {base: {path: some/model}}\ndata: {embedding: {model: some/encoder}, "
        "sources: [{name: a, format: hub, path: some/data}]}"
    )
    assert main(["fetch", str(config)]) == 2
    said = capsys.readouterr().err
    assert (
        "model.base.path=some/model: cannot be fetched (no route to host); is this node online"
        in said
    )
    assert "data.embedding.model=some/encoder: cannot be fetched" in said
    assert "source some/data: cannot be fetched" in said
