"""What JSON can hold, for content that is the user's or a library's own: settings as they were
written, a stage's summary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
JsonObject = Mapping[str, "Json"]
