"""A login at wandb is one at the server that runs would go to."""

from __future__ import annotations

from pathlib import Path

import pytest

from train.config import WandbConfig, wandb_trouble

ONLINE = WandbConfig(mode="online")


@pytest.mark.parametrize(
    ("server", "known", "found"),
    [
        ("", "api.wandb.ai", True),
        ("https://wandb.Hospital.example:8443", "wandb.hospital.example", True),
        ("https://wandb.hospital.example", "api.wandb.ai", False),
        ("", "api.wandb.ai.example", False),
        ("nonsense", "api.wandb.ai", False),
    ],
)
def test_a_login_is_found_under_the_server_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, known: str, found: bool
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {known}\n  login user\n  password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("WANDB_BASE_URL", server)
    assert (wandb_trouble(ONLINE) == []) == found
