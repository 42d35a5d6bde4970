"""Conversations from files, uploads and pasted text, in any common format, whatever they are packed in.

source → container (JSON, CSV, Parquet, compressed, …) → records → conversations; what can't be read becomes a `ReadError` in its place.
"""

from collections.abc import Iterator
from dataclasses import replace

from glm4viz.conversation import Conversation, MessageError
from glm4viz.errors import ReadError
from glm4viz.readers.arrow import FILLED
from glm4viz.readers.containers import records_in
from glm4viz.readers.explain import TOO_DEEP
from glm4viz.readers.formats import FORMATS, understand
from glm4viz.readers.source import Source, name_of
from glm4viz.readers.values import Record

__all__ = ["FORMATS", "Source", "read_conversations"]


def read_conversations(source: Source, format: str = "auto") -> Iterator[Conversation | ReadError]:
    """Each conversation of a source in its order; a record that can't be read gives a `ReadError`, yielded and not raised.

    `source` is a path (of a file, or of a folder that `datasets` saved), bytes, an open file or upload, or a str. A str that starts like
    JSON or has several lines is the text itself; any other is a path. Give text from a web page as bytes, so that it never names a file.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}; known are {', '.join(FORMATS)}")
    return _conversations(source, format)


def _conversations(source: Source, format: str) -> Iterator[Conversation | ReadError]:
    name = name_of(source)
    try:
        for index, found in enumerate(records_in(source)):
            if isinstance(found, Record):
                yield _conversation(found, format, found.file or name, index)
            elif isinstance(found, Conversation):
                yield replace(found, file=name, index=index)
            else:
                found.file = found.file or name
                yield found
    except ReadError as error:  # the source as a whole
        error.file = error.file or name
        yield error


def _conversation(record: Record, format: str, file: str, index: int) -> Conversation | ReadError:
    try:
        conversation = understand(record.value, format, record.risky)
    except MessageError as error:
        return _left_out(ReadError(error.said, file=file, line=record.line, field=error.field), record)
    except RecursionError:
        return _left_out(ReadError(TOO_DEEP, file=file, line=record.line), record)
    notes = (*record.notes, *conversation.notes)
    if record.filled and _has_null(conversation.messages):
        notes = (*notes, FILLED)
    return replace(conversation, notes=notes, file=file, line=record.line, index=index, record=record.as_read(), text=record.text)


def _left_out(error: ReadError, record: Record) -> ReadError:
    try:
        error.raw = record.raw()
    except RecursionError:  # of a table; its source has it still
        error.raw = b""
    return error


def _has_null(value: object) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if item is None:
            return True
        if isinstance(item, dict):
            stack += item.values()
        elif isinstance(item, list):
            stack += item
    return False
