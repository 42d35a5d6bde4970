"""Conversations of any format as GLM-4's JSON Lines, and files that are written whole or not at all."""

import gzip
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from glm4viz.conversation import Chat, Conversation


def to_line(conversation: Conversation) -> bytes:
    """The conversation as one line of GLM-4's JSON Lines. Its messages are written as they are: null stays, absent stays absent."""
    # str for what only a table can hold, such as a date in a field of a message's own.
    return json.dumps({"messages": conversation.messages}, ensure_ascii=False, default=str).encode() + b"\n"


def chat_to_line(chat: Chat) -> bytes:
    """The same for a conversation in OpenAI's form, with its tools beside the messages."""
    record = {"messages": chat.messages} | ({"tools": chat.tools} if chat.tools is not None else {})
    return json.dumps(record, ensure_ascii=False, default=str).encode() + b"\n"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name only when the block has ended well; until then, whatever stood there stands. `.gz` compresses."""
    path = Path(os.path.realpath(path))  # through a link, which stays one
    if path.exists() and not path.is_file():  # a pipe or device can only be written to
        with path.open("wb") as out:
            yield out
        return
    with _nameless(path) as (out, put):
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", 6, out, mtime=0) as packed:
                yield cast(BinaryIO, packed)
        else:
            yield out
        out.flush()
        os.fsync(out.fileno())
        put()


@contextmanager
def _nameless(path: Path) -> Iterator[tuple[BinaryIO, Callable[[], None]]]:
    """A new file in the path's folder, and what gives it the path's name.

    Where the system can (Linux), the file has no name before, so that not even `kill -9` leaves anything behind.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = _open_nameless(path.parent)
    named = descriptor < 0
    if named:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)

    def put() -> None:
        if not named:
            # The folder is not used, the path being absolute, but without one Python links the link in /proc itself.
            os.link(f"/proc/self/fd/{descriptor}", temporary, src_dir_fd=descriptor)
        temporary.replace(path)  # a link can't replace a file, so the name is given in two steps

    if hasattr(os, "fchmod"):  # a file that is there keeps its permissions
        with suppress(FileNotFoundError):
            os.fchmod(descriptor, path.stat().st_mode & 0o777)
    try:
        with os.fdopen(descriptor, "wb", 1 << 18) as out:
            yield out, put
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _open_nameless(folder: Path) -> int:
    """-1 if the system or this file system has no such files."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").exists():
        return -1
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666)
    except OSError:
        return -1
