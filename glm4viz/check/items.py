"""The records of one piece of a file, and which of them are plainly read."""

from collections.abc import Sequence
from typing import NamedTuple

from glm4viz.check.chunks import Chunk, Record
from glm4viz.check.glance import lines_asked_about, plain_messages
from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.layout import Message
from glm4viz.readers import read_conversations


class Item(NamedTuple):
    """A record on its way. clean: its text holds nothing that a rule asks about, and its messages are plain. text: the line of plain ones."""

    line: int
    record: Conversation | Sequence[Message] | ReadError
    clean: bool
    text: str = ""


def messages_of(record: Conversation | Sequence[Message]) -> Sequence[Message]:
    return record.messages if isinstance(record, Conversation) else record


def items_of(chunk: Chunk) -> list[Item]:
    if chunk.records:
        return [Item(record.line, record, False) for record in chunk.records]
    try:
        lines = chunk.lines.decode().split("\n")
    except UnicodeDecodeError:
        return _read_carefully(chunk)
    asked_about = lines_asked_about(chunk.lines)
    items = []
    for number, line in enumerate(lines):
        messages = plain_messages(line)
        if messages is None:
            if not line or line.isspace():
                continue
            found = _read_line(line, chunk.before + number + 1)
            if found is None:
                return _read_carefully(chunk)
            items += found
        else:
            items.append(Item(chunk.before + number + 1, messages, number not in asked_about, line))
    return items


def _read_line(line: str, number: int) -> list[Item] | None:
    """The records of a line that the reader understands by itself; None if it may belong together with others."""
    records: list[Record] = list(read_conversations(line.encode()))
    if any(isinstance(record, ReadError) for record in records):
        return None
    return [Item(number, record, False) for record in records]


def _read_carefully(chunk: Chunk) -> list[Item]:
    """All lines by the reader, with as many empty ones before as stand in the file, so that the numbers it names are right."""
    records = read_conversations(b"\n" * chunk.before + chunk.lines)
    items = []
    for record in records:
        if isinstance(record, ReadError):
            record.file = record.file or chunk.file
        items.append(Item(record.line, record, False))
    return items
