"""What pyproject.toml cannot say: a wheel holds the rooms inside `primum`, an editable installation
uses the checkout as it lies.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOMS = ("records", "measures", "data_prep", "models", "train", "reward", "eval", "pipeline")


class BuildInside(build_py):
    """Nothing called `train` or `eval` may lie in site-packages."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for room in ROOMS:
            target = Path(self.build_lib, "primum", "rooms", room)
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(Path(self.build_lib, room), target)


class WheelOfOne(bdist_wheel):
    """top_level.txt names what is there after the move."""

    def egg2dist(self, egginfo_path: str, distinfo_path: str) -> None:
        super().egg2dist(egginfo_path, distinfo_path)
        Path(distinfo_path, "top_level.txt").write_text("primum\n", encoding="utf-8")


setup(cmdclass={"build_py": BuildInside, "bdist_wheel": WheelOfOne})
