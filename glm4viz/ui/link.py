"""A conversation inside a link: deflated JSON in URL-safe base64, small, and safe to open."""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

MOST_CHARACTERS = 8_000  # servers and chats cut longer addresses
MOST_BYTES = 1_000_000  # of text; deflate could make a gigabyte out of a short link


def pack_conversation(record: Mapping[str, Any]) -> str | None:
    """The text to put in a link, or None if the conversation is too long for one."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MOST_BYTES:
        return None
    packed = base64.urlsafe_b64encode(zlib.compress(data, 9)).decode().rstrip("=")
    return packed if len(packed) <= MOST_CHARACTERS else None


def unpack_conversation(packed: str) -> str | None:
    """The JSON text that `pack_conversation` put into a link; None if it is damaged or would unpack to too much."""
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        inflater = zlib.decompressobj()
        text = inflater.decompress(data, MOST_BYTES)
        return text.decode("utf-8", "surrogatepass") if inflater.eof else None
    except (binascii.Error, zlib.error, UnicodeDecodeError, ValueError):
        return None
