"""Who publishes the built sets, where and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class PublicationConfig:
    """Who publishes the built sets, where and when, for croissant.json; what is not stated is left
    out there.
    """

    creator: str = ""
    """An organisation or a group."""
    url: str = ""
    date: str = ""
    """YYYY-MM-DD. Stated, since the clock's date would make every rebuild another file."""

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError(f"data.publication.url must begin with https://, got {self.url!r}")
        if self.date and not _is_date(self.date):
            raise ValueError(
                f"data.publication.date must be a day as YYYY-MM-DD, got {self.date!r}"
            )


def _is_date(text: str) -> bool:
    try:
        # fromisoformat also reads 20260131 and week dates, which Croissant does not.
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
