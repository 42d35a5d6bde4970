"""What a source is (JSON, CSV, Parquet, compressed, …), told by its content, and its records."""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from glm4viz.conversation import Conversation, shown
from glm4viz.errors import ReadError
from glm4viz.readers import arrow
from glm4viz.readers.capture import captured_conversations
from glm4viz.readers.records import read_records
from glm4viz.readers.source import Lines, Source, buffered, head_of, name_of, open_path, open_source, stream_lines, unreadable
from glm4viz.readers.tables import csv_columns, csv_records, unknown_columns
from glm4viz.readers.unpack import LIMIT, Packing, Unpacked, packing_of
from glm4viz.readers.values import Record
from glm4viz.run.file import begins_capture

_TABLE_NAME = re.compile(r"\.[ct]sv(\.gz|\.zst)?$", re.IGNORECASE)


def records_in(source: Source) -> Iterator[Record | Conversation | ReadError]:
    """The records of a source in their order, with a `ReadError` in the place of each that can't be read. A capture has conversations.

    Raises the `ReadError` of a fault that nothing can be read behind.
    """
    name, opened = name_of(source), open_source(source)
    if isinstance(opened, Lines):
        yield from _text_records(opened, name)
        return
    if isinstance(opened, Path) and opened.is_dir():
        yield from _folder_records(opened)
        return
    try:
        with open_path(opened) if isinstance(opened, Path) else nullcontext(opened) as stream:
            yield from _stream_records(stream, name)
    except OSError as error:
        raise unreadable(name, error) from None


def _folder_records(folder: Path) -> Iterator[Record | ReadError]:
    if not arrow.is_saved_dataset(folder):
        raise ReadError(
            f"{shown(str(folder), 80)} is a folder. Name a file in it, or a folder that save_to_disk wrote.",
            f"{shown(str(folder), 80)} 是文件夹。请指定其中的文件，或 save_to_disk 写出的文件夹。",
        )
    yield from arrow.folder_records(folder)


def _stream_records(stream: BinaryIO, name: str) -> Iterator[Record | Conversation | ReadError]:
    head = head_of(stream)
    if begins_capture(head):
        yield from captured_conversations(stream)
    elif kind := arrow.kind_of(head):
        yield from arrow.file_records(stream if stream.seekable() else BytesIO(stream.read()), kind)
    elif packing := packing_of(head):
        yield from _packed_records(stream, packing, name)
    else:
        yield from _text_records(Lines(stream_lines(stream)), name)


def _packed_records(stream: BinaryIO, packing: Packing, name: str) -> Iterator[Record | ReadError]:
    raw = Unpacked(stream, packing)
    for found in _text_records(Lines(stream_lines(buffered(raw), LIMIT), limit=LIMIT), name):
        if isinstance(found, Record) or found.line or not raw.fault:  # not also that there is nothing in it
            yield found
    if raw.fault:
        raise raw.fault


def _text_records(source: Lines, name: str) -> Iterator[Record | ReadError]:
    """JSON in any layout, or CSV, which its first line tells."""
    first = next(source.lines, None)
    if first is not None and (found := csv_columns(first)):
        yield from csv_records(source, *found)
    elif first is not None and _TABLE_NAME.search(name) and first.lstrip()[:1] not in ("", "{", "["):
        yield unknown_columns(first)
    else:
        lines = source.lines if first is None else chain((first,), source.lines)
        yield from read_records(replace(source, lines=lines))
