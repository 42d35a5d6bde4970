"""A value that stands in a file, and what it is: one conversation, several, or a part of one."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from glm4viz.readers.formats import has_form, is_sharegpt_turn
from glm4viz.texts import Text


class Record(NamedTuple):
    """One value that should be a conversation."""

    value: object
    line: int
    risky: bool  # its text has \ud… in it, so a lone surrogate is possible
    file: str = ""  # the part of the source it is in, if that has several files
    filled: bool = False  # its file can't leave a field out, and has null in it instead
    text: str = ""  # the JSON that it is written in; "" if it is one of several on a line, or not JSON
    own: object = None  # the value as a table has it, before anything in it was turned; None: `value` is as it stands
    notes: tuple[Text, ...] = ()  # what had to be done to read it
    literal: str = ""  # what it is written in, if that is no JSON

    def as_read(self) -> object:
        """The value as its source has it."""
        return self.value if self.own is None else self.own

    def raw(self) -> bytes:
        """The record as bytes: its own where it is JSON, else its value written as JSON."""
        return raw_bytes(self.text or self.literal or json.dumps(self.as_read(), ensure_ascii=False, default=repr))


def raw_bytes(text: str) -> bytes:
    """The bytes that a text was read from, those that aren't UTF-8 included."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character of the writer's own
        return text.encode("utf-8", "surrogatepass")


def conversations_in(value: object) -> Iterator[object]:
    """What a value at the top holds: a list is either one bare conversation or an array of records."""
    if isinstance(value, list) and value and (not any(map(is_message, value)) or any(map(is_record, value))):
        yield from value
    else:
        yield value


def is_message(value: object) -> bool:
    return isinstance(value, dict) and ("role" in value or "content" in value or is_sharegpt_turn(value)) and not has_form(value)


def is_record(value: object) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and has_form(value))


def has_swallowed(value: object) -> bool:
    """A bare conversation whose ] is missing takes the next ones for its messages."""
    return isinstance(value, list) and bool(value) and is_message(value[0]) and any(isinstance(item, list) for item in value)
