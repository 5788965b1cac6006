"""Bytes from files and pipes as text: UTF-8, or the UTF-16 and UTF-32 that Windows programs write."""

import json


def decode_text(raw: bytes) -> str:
    """The text of these bytes, in the encoding that a byte-order mark or the first characters show; raises UnicodeError."""
    return raw.decode(json.detect_encoding(raw)).removeprefix("\ufeff")


def unit_of(raw: bytes) -> int:
    """The bytes that a line end has in the encoding of these bytes."""
    encoding = json.detect_encoding(raw)
    return 4 if "32" in encoding else 2 if "16" in encoding else 1
