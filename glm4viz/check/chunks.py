"""A file in pieces that can be read apart: runs of whole lines for JSON Lines, runs of conversations for everything else.

Pieces of lines go to the worker processes as bytes, so that parsing them is shared out as well. A piece ends only where the next line
begins just as the last one does, which is where the reader begins a record whatever came before. (Only a stray bracket that is debris of an
error in an earlier piece is reported for itself, where one reading of the whole would know better.)
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.readers import read_conversations

SIZE = 1 << 20  # bytes of a piece
RECORDS = 500  # conversations of a piece that isn't lines
_OPENING = re.compile(rb"[\[{]\s*(?:\{\s*)?[\"']?\w+")
_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")

Record = Conversation | ReadError


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of a file: `lines`, with how many lines stand before it, or `records` that are read already."""

    file: str
    lines: bytes = b""
    before: int = 0
    records: tuple[Record, ...] = ()


def chunks_of(path: Path, size: int = SIZE) -> Iterator[Chunk]:
    """The file's pieces in order; of - those of standard input."""
    if not _is_json_lines(path):
        records = read_conversations(sys.stdin.buffer if str(path) == "-" else path)
        while piece := tuple(islice(records, RECORDS)):
            yield Chunk(str(path), records=piece)
        return
    with path.open("rb") as file:
        before = 0
        while lines := _whole_lines(file, size):
            yield Chunk(str(path), lines, before)
            before += lines.count(b"\n")


def _is_json_lines(path: Path) -> bool:
    """Whether the file looks like JSON Lines; what doesn't is left to the reader."""
    if path.suffix not in (".jsonl", ".json", ".ndjson", ".txt", "") or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    first, _, _ = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    return not head.startswith(_BOMS) and b"\0" not in head and bool(_OPENING.match(first))


def _whole_lines(file: BinaryIO, size: int) -> bytes:
    lines = [file.read(size)]
    if len(lines[0]) < size:
        return lines[0]
    last = b""
    while True:
        place = file.tell()
        line = file.readline()
        if not line:
            break
        if last and _begins_record(last, line):
            file.seek(place)
            break
        # The line that `read` cut in two is completed first; after it, look for a place to end.
        last = (lines[-1][lines[-1].rfind(b"\n") + 1 :] + line) if len(lines) == 1 else line
        lines.append(line)
    return b"".join(lines)


def _begins_record(last: bytes, line: bytes) -> bool:
    """Whether a record certainly begins with `line`: the one before is closed, and begins with the same first key."""
    opening = _OPENING.match(last)
    return opening is not None and line.startswith(opening[0]) and last.rstrip().endswith((b"}", b"]"))
