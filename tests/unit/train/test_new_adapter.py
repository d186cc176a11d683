"""A new adapter is one file and one line of registration, those of docs/adding_an_adapter.md.

Settings, check, training, checkpoints and export know it then."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

import models.adapters
from models.adapters.registry import ADAPTERS, adapter_of
from models.adapters.wrapping import adapt, adapter_on, merge
from models.config import AdapterConfig, ModelConfig
from models.export import export_policy
from models.loading.footprint import shape_of
from models.loading.load import load_model, load_tokenizer
from pipeline.policies import lineage, trained_policy
from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.setting_facts import setting_facts
from pipeline.run.settings_schema import config_schema
from pipeline.run.stage_room import adapter_bytes
from pipeline.stages import load_stage

if TYPE_CHECKING:
    from tests.unit.train.conftest import Fitted

PAGE = Path(__file__).resolve().parents[3] / "docs" / "adding_an_adapter.md"
FILE, LINE = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "norms.py").write_text(FILE)
    monkeypatch.setattr(
        models.adapters, "__path__", [*models.adapters.__path__, str(tmp_path / "more")]
    )
    ((name, where),) = eval(LINE).items()
    monkeypatch.setitem(ADAPTERS, name, where)
    (tmp_path / "run.yaml").write_text(
        f"run_dir: {tmp_path / 'run'}\nmodel: {{base: {{path: tiny}}}}\n"
    )
    return load_config(tmp_path / "run.yaml", ["model.adapter.kind=norms"])


def test_the_file_is_short_and_the_line_is_one() -> None:
    assert len(FILE.splitlines()) < 40
    assert len(LINE.splitlines()) == 1


@pytest.mark.usefixtures("config")
def test_settings_their_page_and_editors_know_it() -> None:
    fact = next(fact for fact in setting_facts() if fact.key == "model.adapter.kind")
    assert fact.kind == "one of lora, full, norms"
    kind = config_schema()["properties"]["model"]["properties"]["adapter"]["properties"]["kind"]
    assert kind["enum"] == ["lora", "full", "norms"]


def test_check_counts_what_it_trains_and_leaves(config: RunConfig) -> None:
    shape, full = (
        shape_of(config.model.base, AdapterConfig(kind=kind)) for kind in ("norms", "full")
    )
    assert 0 < shape.trained < full.trained == shape.parameters
    assert adapter_bytes(config, shape) == 0
    assert not any("adapter" in name for name in load_stage("dpo").inputs(config))


def test_it_is_trained_from_the_base_and_its_state_is_what_was_trained(
    config: RunConfig, fit_dpo: Callable[..., Fitted], tiny_directory: Path, tmp_path: Path
) -> None:
    fitted = fit_dpo(tmp_path / "work", kind="norms")
    assert fitted.metrics[0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert all("norm" in name for name in fitted.tensors)
    start = ModelConfig(path=str(tiny_directory))
    trained = trained_policy(start, config.model.adapter, fitted.tensors, seed=0)
    base = dict(load_model(start).named_parameters())
    changed = {name for name, p in trained.named_parameters() if not torch.equal(p, base[name])}
    assert changed == set(fitted.tensors)


def test_it_is_exported_as_a_policy_alone(
    config: RunConfig, tiny_directory: Path, tmp_path: Path
) -> None:
    start = ModelConfig(path=str(tiny_directory))
    policy = adapt(load_model(start), config.model.adapter, seed=0)
    assert adapter_on(policy) == adapter_of(config.model.adapter)
    with torch.no_grad():
        for tensor in adapter_on(policy).state(policy).values():
            tensor.mul_(1.1)
    report = export_policy(policy, load_tokenizer(start), tmp_path, lineage(config.model, None))
    assert report["policy"] <= report["tolerance"]
    assert not (tmp_path / "adapter").exists()
    assert not any(p.requires_grad for p in merge(policy).parameters())
