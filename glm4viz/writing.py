"""Conversations of any format as GLM-4's JSON Lines, records with only some of their text changed, and files that are written whole or not at all."""

import base64
import errno
import gzip
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from glm4viz.conversation import Chat, Conversation, is_unicode
from glm4viz.errors import ReadError

NULLS = ("metadata", "tools")  # null in these is a fault, or the word None, for GLM-4's script
_BREAKS = re.compile(r"[ \t]*[\r\n][ \t\r\n]*")  # JSON has line breaks only between its parts
_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


def to_line(conversation: Conversation) -> bytes:
    """The conversation as one line of GLM-4's JSON Lines. Its messages are written as they are: null stays, absent stays absent."""
    # str for what only a table can hold, such as a date in a field of a message's own.
    return json.dumps({"messages": conversation.messages}, ensure_ascii=False, default=str).encode() + b"\n"


def chat_to_line(chat: Chat) -> bytes:
    """The same for a conversation in OpenAI's form, with its tools beside the messages."""
    record = {"messages": chat.messages} | ({"tools": chat.tools} if chat.tools is not None else {})
    return json.dumps(record, ensure_ascii=False, default=str).encode() + b"\n"


def as_json(value: object) -> str:
    """The value as JSON in one line; characters as they are, but for half ones, which no encoding can write."""
    text = json.dumps(value, ensure_ascii=False, default=_in_words)
    return text if is_unicode(text) else json.dumps(value, default=_in_words)


def _in_words(value: object) -> str:
    """What only a table can hold: bytes as base64, all else (dates, decimals) as it is printed."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def rewritten(text: str, new: object) -> str:
    """`new` as one line of JSON in which all that is as in `text` is written as it is there: its escapes, spaces and digits."""
    if not text:
        return as_json(new)
    line = text.removeprefix("\ufeff")
    if "\n" in line:
        line = _BREAKS.sub(" ", line.strip())
    start = _skip(line, 0)
    changed, end = _spliced(line, start, new)
    return line[:start] + changed + line[end:]


def _spliced(text: str, start: int, new: object) -> tuple[str, int]:
    """What stands for `new` in the place of the value at `start`, and where that value ends."""
    old, end = _decode(text, start)
    if old == new:
        return text[start:end], end
    if not (isinstance(old, dict) and isinstance(new, dict)) and not (
        isinstance(old, list) and isinstance(new, list) and len(old) == len(new)
    ):
        return as_json(new), end
    return (_members(text, start, new) if isinstance(new, dict) else _items(text, start, new)), end


def _items(text: str, start: int, new: list[object]) -> str:
    parts, position = [], start
    for item in new:
        at = _skip(text, position + 1)  # behind [ or a comma
        changed, end = _spliced(text, at, item)
        parts += [text[position:at], changed]
        position = _skip(text, end)
        parts.append(text[end:position])
    return "".join(parts) + "]"


def _members(text: str, start: int, new: dict[str, object]) -> str:
    """Those of `new` in the order of the text, then those that are added. Of a key that stands there twice, the last one counts."""
    spans: list[tuple[str, int, int, int]] = []  # key, where it begins, where its value begins and ends
    position = start
    while text[position] != "}" and text[at := _skip(text, position + 1)] != "}":
        key, end = _decode(text, at)
        value = _skip(text, _skip(text, end) + 1)
        end = _decode(text, value)[1]
        spans.append((key, at, value, end))
        position = _skip(text, end)
    last = {key: at for key, at, _, _ in spans}
    parts = []
    for key, at, value, end in spans:
        if key in new:
            parts.append(text[at:value] + (_spliced(text, value, new[key])[0] if last[key] == at else text[value:end]))
    parts += [f"{as_json(key)}: {as_json(value)}" for key, value in new.items() if key not in last]
    comma = text[spans[0][3] : spans[1][1]] if len(spans) > 1 else ", "
    return "{" + comma.join(parts) + "}"


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def converted(conversation: Conversation, own: Collection[str]) -> tuple[str, list[str]]:
    """The record with GLM-4's messages, without null metadata and tools, in the place of what they were read from, and all its other keys;
    and the keys that had to go because GLM-4's form has that name for something else. One line of JSON. own: the keys it was read from.
    """
    messages = [{k: v for k, v in message.items() if v is not None or k not in NULLS} for message in conversation.messages]
    old = conversation.record
    if not isinstance(old, dict):
        return as_json({"messages": messages}), []
    lost = [key for key in ("messages", "tools") if key not in own and old.get(key) is not None]
    new: dict[str, object] = {}
    for key, value in old.items():
        if key in own:
            new.setdefault("messages", messages)
        elif key not in ("messages", "tools", "functions"):
            new[key] = value
    if conversation.format == "glm4":
        return rewritten(conversation.text, new), lost
    return as_json(new), lost


def rejected_row(error: ReadError) -> dict[str, object]:
    """Where and why a record was left out, and the record as it stands there, to the byte: in `raw`, or, if it isn't UTF-8, in `raw_base64`."""
    row: dict[str, object] = {"file": error.file, "line": error.line, "column": error.column, "field": error.field}
    row |= {"reason": error.sentence("en"), "reason_zh": error.sentence("zh")}
    try:
        return row | {"raw": error.raw.decode()}
    except UnicodeDecodeError:
        return row | {"raw_base64": base64.b64encode(error.raw).decode()}


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name only when the block has ended well; until then, whatever stood there stands. `.gz` compresses."""
    path = Path(os.path.realpath(path))  # through a link, which stays one
    if path.exists() and not path.is_file():  # a pipe or device can only be written to
        with path.open("wb") as out:
            yield out
        return
    if path.exists() and not os.access(path, os.W_OK):  # a rename would go past that
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    with _nameless(path) as (out, put):
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", 6, out, mtime=0) as packed:
                yield cast(BinaryIO, packed)
        else:
            yield out
        out.flush()
        os.fsync(out.fileno())
        if path.exists() and hasattr(os, "fchmod"):
            os.fchmod(out.fileno(), stat.S_IMODE(path.stat().st_mode))
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
