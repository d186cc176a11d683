"""What a file is by its first bytes, where its name says text."""

from __future__ import annotations

HEAD = 1024
"""How many bytes are looked at."""
_PACKED = "unpack it and give the files in it"
_TABLE = "save it as CSV UTF-8"
_MAGIC = (
    (b"PAR1", "Parquet", "end its name in .parquet, or read it with format: hub"),
    (b"ARROW1", "an Arrow file", "read it with format: hub"),
    (b"\x1f\x8b", "packed with gzip", "end its name in .gz"),
    (b"PK\x03\x04", "a zip archive or a workbook (.xlsx)", f"{_PACKED}, or {_TABLE}"),
    (b"PK\x05\x06", "an empty zip archive", _PACKED),
    (b"\xd0\xcf\x11\xe0", "a workbook (.xls)", _TABLE),
    (b"BZh", "packed with bzip2", _PACKED),
    (b"\xfd7zXZ", "packed with xz", _PACKED),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", _PACKED),
    (b"7z\xbc\xaf", "a 7z archive", _PACKED),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"Obj\x01", "an Avro file", "convert it to Parquet or JSON Lines"),
    (b"\x89HDF", "an HDF5 file", "convert it to Parquet or JSON Lines"),
    (b"%PDF", "a PDF", "give rows, one a line, as JSON Lines or CSV"),
    (b"\xff\xfe", "UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "UTF-16", "save it as UTF-8"),
)
GZIP = b"\x1f\x8b"


def not_text(head: bytes) -> str:
    """What a file that begins so is instead of UTF-8 text, with a remedy; empty where nothing is
    known against it.
    """
    for magic, name, remedy in _MAGIC:
        if head.startswith(magic):
            return f"is {name}, not text in UTF-8; {remedy}"
    # Western text in UTF-16 has a zero in every second byte; UTF-8 has one only for NUL itself.
    if max(head[::2].count(0), head[1::2].count(0)) > len(head) // 4:
        return "is UTF-16 without a byte order mark, or no text; save it as UTF-8"
    return ""
