"""Text that was read in the wrong encoding: UTF-8 taken for Latin-1, cp1252 or GBK, and set right where only one reading is possible.

UTF-8 has a shape that hardly any other text has by chance: a lead byte, then as many bytes from 0x80 to 0xBF as it asks for. So whatever has
that shape after it was written back in the encoding it was read in was UTF-8. Nothing else is touched.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# cp1252 as programs use it: the five bytes it leaves undefined stay the control characters that Latin-1 has there.
_CP1252 = {bytes([byte]).decode("cp1252", "ignore") or chr(byte): byte for byte in range(0x80, 0x100)}
_BYTES = {char: byte for byte in range(0x80, 0x100) for char in (chr(byte),)} | _CP1252


def _class(first: int, last: int) -> str:
    return "[" + re.escape("".join(char for char, byte in _BYTES.items() if first <= byte <= last)) + "]"


_NEXT = _class(0x80, 0xBF)
# C0, C1 and F5 to FF lead nothing; E0 and F0 ask for more, which decoding checks.
_SHAPED = re.compile(f"(?:{_class(0xC2, 0xDF)}{_NEXT}|{_class(0xE0, 0xEF)}{_NEXT}{{2}}|{_class(0xF0, 0xF4)}{_NEXT}{{3}})+")
# Characters that common Chinese characters and signs begin with when their UTF-8 is read as GBK.
GBK_STARTS = "锛銆鐨鏄鎴鍦鈥浣璇鍥锟"
_GBK_STARTS = re.compile(f"[{GBK_STARTS}]")
_BEYOND_ASCII = re.compile("[^\\x00-\\x7f\ufffd]+")
_LOST = "锟斤拷"  # U+FFFD written as UTF-8, twice, and read as GBK: what was there is gone


class Misread(NamedTuple):
    """start, stop: the characters; right: what they were, None if that can't be told; encoding: the one they were read in."""

    start: int
    stop: int
    right: str | None
    encoding: str


def find_misread(text: str) -> Iterator[Misread]:
    """Each place of a text that was read in the wrong encoding, from left to right within each encoding."""
    if text.isascii():
        return
    for found in _SHAPED.finditer(text):
        right = _as_utf8(bytes(_BYTES[char] for char in found[0]))
        if right is not None and _is_likelier(right, found[0]):
            yield Misread(*found.span(), right, "cp1252")
    if _GBK_STARTS.search(text):
        yield from _read_as_gbk(text)
    for lost in re.finditer(_LOST, text):
        yield Misread(*lost.span(), None, "gbk")


def mend_encoding(text: str) -> str:
    """The text with every misread place set right that has only one right reading; the same text if there is none."""
    for _ in range(3):  # some files were misread twice
        mended, last = [], 0
        for found in find_misread(text):
            if found.right is not None and found.start >= last:
                mended += [text[last : found.start], found.right]
                last = found.stop
        if not mended:
            break
        text = "".join([*mended, text[last:]])
    return text


def _as_utf8(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _is_likelier(right: str, wrong: str) -> bool:
    """Two letters may stand side by side by chance, as in "Ã©tude" written on purpose; a letter with a sign or with a control doesn't."""
    if any("\x80" <= char <= "\x9f" for char in right):
        return _SHAPED.search(right) is not None  # misread twice
    return len(wrong) > 2 or not (wrong[0].isalpha() and wrong[1].isalpha()) or right.isalpha()


def _read_as_gbk(text: str) -> Iterator[Misread]:
    for found in _BEYOND_ASCII.finditer(text):
        run = found[0]
        if len(run) < 2 or not _GBK_STARTS.search(run):
            continue
        data = run.encode("gb18030", "replace")
        whole = _as_utf8(data)
        if whole is not None and len(whole) * 3 <= len(data) + 2:
            yield Misread(found.start(), found.start() + len(run), None if "\ufffd" in whole else whole, "gbk")
        elif _is_mostly_utf8(data):
            yield Misread(found.start(), found.start() + len(run), None, "gbk")


def _is_mostly_utf8(data: bytes) -> bool:
    """Whether almost all of these bytes are characters of three bytes each, as Chinese in UTF-8 is."""
    shaped = sum(map(len, re.findall(rb"(?:[\xe3-\xe9\xef][\x80-\xbf]{2})+", data)))
    return len(data) >= 8 and shaped >= 0.8 * len(data)
