"""The pages of the Python API, from its docstrings: `python -m primum.api_pages FOLDER`, which
`make docs` runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import primum


def write_pages(folder: Path) -> None:
    """index.html and primum.html. Raises ImportError without pdoc, which the extra `dev` brings."""
    from pdoc import pdoc  # noqa: PLC0415  only this needs it

    # Names are resolved lazily, and pdoc documents what is in the module's dictionary only.
    for name in primum.__all__:
        getattr(primum, name)  # pdoc shows what is loaded
    pdoc("primum", output_directory=folder)


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
