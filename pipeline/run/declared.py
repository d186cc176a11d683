"""What a stage's work sees of the run's config: the settings that the stage declares, and no other.

A setting that is read but not declared would not count in the stage's fingerprint, so that a change
of it would leave an old result in place.
"""

from __future__ import annotations

from typing import Any, cast

from pipeline.run.config import RunConfig

ALWAYS = ("seed", "data.split.seed", "run_dir")
"""Either seed counts in every fingerprint, see `Stage.seed`; a run may be moved to another
directory."""


class UndeclaredSetting(LookupError):
    """A mistake in a stage, not one of the user's: its declaration lacks a setting that it
    reads.
    """


class DeclaredSettings:
    """A block of the config that shows only the declared part of itself.

    A block that is declared whole is handed out as it is; of one that is declared in part, each
    setting is looked up when it is read.
    """

    def __init__(self, block: Any, names: tuple[str, ...], stage: str, prefix: str = "") -> None:
        self._block, self._names, self._stage, self._prefix = block, names, stage, prefix

    @classmethod
    def of(cls, config: RunConfig, names: tuple[str, ...], stage: str) -> RunConfig:
        """The config as the work of `stage`, which declares `names`, sees it."""
        return cast(RunConfig, cls(config, (*ALWAYS, *names), stage))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        value, path = getattr(self._block, name), f"{self._prefix}{name}"
        if any(f"{path}.".startswith(f"{declared}.") for declared in self._names):
            return value
        if any(declared.startswith(f"{path}.") for declared in self._names):
            return DeclaredSettings(value, self._names, self._stage, f"{path}.")
        raise UndeclaredSetting(
            f"the stage {self._stage} reads {path}, which it does not declare; name it in the "
            "stage's settings"
        )
