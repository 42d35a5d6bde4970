"""Conversations from files, uploads and pasted text: GLM-4's own form and OpenAI's, as JSON, JSON Lines or anything in between.

source → lines → records → conversations, one module each; whatever can't be read becomes a `ReadError` in its place.
"""

from collections.abc import Iterator
from dataclasses import replace

from glm4viz.conversation import Conversation, MessageError
from glm4viz.errors import ReadError
from glm4viz.readers.explain import TOO_DEEP
from glm4viz.readers.formats import FORMATS, understand
from glm4viz.readers.records import Record, read_records
from glm4viz.readers.source import Source, name_of, open_source

__all__ = ["FORMATS", "Source", "read_conversations"]


def read_conversations(source: Source, format: str = "auto") -> Iterator[Conversation | ReadError]:
    """Each conversation of a source in its order; a record that can't be read gives a `ReadError`, yielded and not raised.

    `source` is a path, bytes, an open file or upload, or a str. A str that starts like JSON or has several lines is the text itself; any
    other is a path. Give text from a web page as bytes, so that it never names a file.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}; known are {', '.join(FORMATS)}")
    return _conversations(source, format)


def _conversations(source: Source, format: str) -> Iterator[Conversation | ReadError]:
    name = name_of(source)
    try:
        for index, found in enumerate(read_records(open_source(source))):
            if isinstance(found, Record):
                yield _conversation(found, format, name, index)
            else:
                found.file = name
                yield found
    except ReadError as error:  # the source as a whole
        error.file = name
        yield error


def _conversation(record: Record, format: str, file: str, index: int) -> Conversation | ReadError:
    try:
        return replace(understand(record.value, format, record.risky), file=file, line=record.line, index=index)
    except MessageError as error:
        return ReadError(error.text["en"], error.text["zh"], file=file, line=record.line, field=error.field)
    except RecursionError:
        return ReadError(*TOO_DEEP, file=file, line=record.line)
