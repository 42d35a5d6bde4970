"""From lines of text to records, losing none that is good.

A line that is JSON by itself is a record (or an array of them) and nothing more is done to it. Only when a line is not, the careful way
begins: the lines that belong together are gathered into a `Block`, which takes the records out of them.
"""

import json
from collections.abc import Iterator

from glm4viz.conversation import is_unicode
from glm4viz.errors import ReadError
from glm4viz.readers.block import OPENING, STRINGS, Block, Stray
from glm4viz.readers.source import Lines, too_big
from glm4viz.readers.values import Record, conversations_in, is_record


def read_records(source: Lines) -> Iterator[Record | ReadError]:
    """The records of a source in their order, with a `ReadError` in the place of each that can't be read."""
    empty = True
    troubled = False  # after a first error, stray brackets and commas are most likely its debris
    for block in _blocks(source):
        empty = False
        if isinstance(block, Record):
            for value in conversations_in(block.value):
                yield block if value is block.value else Record(value, block.line, block.risky)
            continue
        for found in block.records():
            if isinstance(found, Stray):
                if troubled:
                    continue
                found = found.error
            troubled = troubled or isinstance(found, ReadError)
            yield found
    if empty:
        yield ReadError(
            "There is nothing in it. Give at least one conversation as JSON or JSON Lines.",
            "内容是空的。请给出至少一条 JSON 或 JSON Lines 格式的对话。",
        )


def _blocks(source: Lines) -> Iterator[Record | Block]:
    """Each line that is JSON by itself as a record, all else in blocks of lines that belong together."""
    held: list[str] = []
    start, depth, opening, size = 0, 0, None, 0
    for number, line in enumerate(source.lines, 1):
        if held:
            if not (opening and line.startswith(opening)) and not _is_next_record(held[0], line):
                held.append(line)
                size += len(line) + 100  # what an empty line costs
                if source.limit and size > source.limit:
                    raise too_big(start)
                depth += _depth(line)
                if depth <= 0:
                    yield Block("\n".join(held), start, source.from_bytes)
                    held = []
                continue
            yield Block("\n".join(held), start, source.from_bytes)
            held = []
        if not line or line.isspace():
            continue
        clean = is_unicode(line)
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            start, depth = number, _depth(line)
            if depth > 0:
                held, found, size = [line], OPENING.match(line), len(line)
                opening = found and found[0]
                continue
        else:
            if clean or not source.from_bytes:
                yield Record(value, number, not clean or "\\ud" in line or "\\uD" in line, text=line)
                continue
        yield Block(line, number, source.from_bytes)
    if held:
        yield Block("\n".join(held), start, source.from_bytes)


def _is_next_record(first: str, line: str) -> bool:
    """Whether a line is a whole record, which the object that the lines before have left open has no place for."""
    if not (first.startswith("{") and line.startswith("{")):
        return False
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return is_record(value)


def _depth(line: str) -> int:
    """How many brackets the line opens and leaves open (negative: closes)."""
    bare = STRINGS.sub("", line)
    return bare.count("{") + bare.count("[") - bare.count("}") - bare.count("]")
