"""Lines that belong together, but are not JSON line by line: values are taken out of them one by one, and after a broken one reading goes on
at the next place that holds a whole record.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import NamedTuple

from glm4viz.conversation import is_unicode
from glm4viz.errors import ReadError
from glm4viz.readers.explain import MISSING_COMMA, STRAY, STRAY_WORDS, TRAILING_COMMA, UNCLOSED_ARRAY, explain, explain_bytes, skipped_lines
from glm4viz.readers.literal import PYTHON, python_literal
from glm4viz.readers.values import Record, conversations_in, has_swallowed, is_message, is_record, raw_bytes
from glm4viz.texts import Text, both

_SPACE = " \t\r\n\ufeff"  # a byte order mark is left inside when files are glued together
_SPACES = re.compile(f"[{_SPACE}]*")
# For counting brackets: strings and comments are taken whole, so that the brackets in them don't count.
_STRING = r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"?' + r"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'(?=\s*[,:\]}])|//[^\n]*"
STRINGS = re.compile(_STRING)
_TOKENS = re.compile(_STRING + r"|[\[\]{}]")
_STARTS = re.compile(r'(?<=[\[,\]}/\s\ufeff])(?:\{(?=\s*")|\[(?=\s*\{))')
_SCALARS = re.compile(r"[^\n\[{]*")  # what stands behind a value that is no record, up to where one may begin
# What the first line of a record looks like up to its first key; a later line that starts the same way starts the next record.
OPENING = re.compile(r"[\[{]\s*(?:\{\s*)?[\"'“]?\w+")
_BEFORE_ITEM = ("[", ",", "]", "}", "\n", "/")  # a slash ends a comment
_FIRST_KEY_OF_A_MESSAGE = re.compile(r"\{\s*[\"'“]?(?:role|content|from)\b")
_raw_decode = json.JSONDecoder().raw_decode


class Stray(NamedTuple):
    """A comma or bracket between records: an error only if nothing before explains it."""

    error: ReadError


# What a block is taken apart in: a generator that also returns the position it has come to.
_Steps = Generator[Record | ReadError | Stray, None, int]


class Block:
    """A run of lines that is not plain JSON Lines: pretty-printed, broken, or both."""

    def __init__(self, text: str, line: int, from_bytes: bool) -> None:
        self.text, self.line, self.from_bytes = text, line, from_bytes
        self._wary = False  # whether something was broken: from then on a record may end where the next one opens
        self._following = 0  # the whole record found last
        self._breaks: list[int] | None = None
        # Characters to read in vain, and whole rests; without bounds, hostile input could take minutes.
        self._patience, self._retries = 10 * len(text) + 1_000_000, 20

    def records(self) -> Iterator[Record | ReadError | Stray]:
        position = 0
        while (position := self._skip(position)) < len(self.text):
            if self.text[position] in ",]}":
                yield Stray(self._error(position, position + 1, STRAY))
                position += 1
            elif self._opens_array(position):
                position = yield from self._array(position)
            else:
                position = yield from self._one(position, expand=True)

    def _array(self, start: int) -> _Steps:
        """The elements of an array of records, which begins at `start`; returns where it ends."""
        position, comma, closed = start + 1, -1, True
        while (position := self._skip(position)) < len(self.text):
            char = self.text[position]
            if char == "]":
                if comma >= 0:
                    yield self._error(comma, comma + 1, TRAILING_COMMA)
                return position + 1
            if char == ",":
                yield Stray(self._error(position, position + 1, STRAY))
                position += 1
                continue
            if not closed:
                yield Stray(self._error(position, position + 1, MISSING_COMMA))
            position = self._skip((yield from self._one(position)))
            comma = position if self.text[position : position + 1] == "," else -1
            closed = comma >= 0
            position += closed
        yield Stray(self._error(start, start + 1, UNCLOSED_ARRAY))
        return position

    def _one(self, start: int, expand: bool = False) -> _Steps:
        """One value, or the error in its place; returns where reading goes on."""
        try:
            value, end = self._decode(start)
        except (ValueError, RecursionError) as error:
            end = self._resume(start)
            try:
                value = self._literal(start, end)
            except ValueError:
                yield self._error(start, end, error)
                return end
            for record in conversations_in(value) if expand else (value,):
                yield Record(
                    record, self._place(start)[0], risky=True, notes=(PYTHON,), literal=self.text[start:end] if record is value else ""
                )
            return end
        if (
            not isinstance(value, list | dict)
            and (rest := _SCALARS.match(self.text, end))
            and rest[0].lstrip(_SPACE)[:1] not in ("", *",]}")
        ):
            yield self._error(start, rest.end(), STRAY_WORDS)  # once, not for each of a million
            return rest.end()
        clean = is_unicode(raw := self.text[start:end])
        if not clean and self.from_bytes:
            yield self._error(start, end, STRAY)  # the words are those for the bytes
            return end
        risky = not clean or "\\ud" in raw or "\\uD" in raw
        for record in conversations_in(value) if expand else (value,):
            yield Record(record, self._place(start)[0], risky, text=raw if record is value else "")
        return end

    def _literal(self, start: int, end: int) -> object:
        piece = self.text[start:end]
        if self.from_bytes and not is_unicode(piece):
            raise ValueError("not UTF-8")
        return python_literal(piece.rstrip(_SPACE + ","))

    def _decode(self, start: int) -> tuple[object, int]:
        """The value at `start` and where it ends. A JSONDecodeError counts its position from `start`."""
        if not self._wary:
            with suppress(ValueError, RecursionError):
                value, end = _raw_decode(self.text, start)
                if not has_swallowed(value):
                    return value, end
            self._wary = True
        stop = self._next_opening(start)
        try:
            return self._decode_piece(start, stop)
        except (ValueError, RecursionError):
            # What looks like the next record may yet be a part of this one.
            if stop < len(self.text) and self._retries > 0:
                self._retries -= 1
                with suppress(ValueError, RecursionError):
                    value, end = _raw_decode(self.text, start)
                    if not has_swallowed(value):
                        return value, end
            raise

    def _decode_piece(self, start: int, stop: int) -> tuple[object, int]:
        try:
            value, length = _raw_decode(self.text[start:stop])
        except (ValueError, RecursionError):
            self._patience -= stop - start
            raise
        return value, start + length

    def _opens_array(self, start: int) -> bool:
        """Whether an array of records begins here, rather than a record. Asked of text, because the whole may be broken."""
        first = self._skip(start + 1)
        if self.text[start] != "[" or self.text[first : first + 1] not in ("[", "{"):
            return False
        try:
            return not is_message(self._decode(first)[0])
        except (ValueError, RecursionError):
            return not _FIRST_KEY_OF_A_MESSAGE.match(self.text, first)

    def _resume(self, start: int) -> int:
        """Where to go on after the broken value at `start`: behind its closing bracket, or at the next record if that comes first."""
        following = min(self._next_record(start), self._next_opening(start))
        if self._patience < 0:
            return len(self.text)
        depth = 0
        for token in _TOKENS.finditer(self.text, start, following):
            depth += (token[0] in "[{") - (token[0] in "]}")
            if depth < 0:  # the bracket of the array around it
                return max(token.start(), start + 1)
            if depth == 0 and token[0] in "]}":
                end = self._skip(token.end())
                ends_here = self.text[end : end + 1] in ("", ",", "]") or "\n" in self.text[token.end() : end]
                return token.end() if ends_here else following
        return following

    def _next_record(self, start: int) -> int:
        """Where the next whole record begins after `start`; the end of the text if there is none."""
        if self._following > start:
            return self._following
        self._following = len(self.text)
        for found in _STARTS.finditer(self.text, start + 1):
            if self._patience < 0:
                break
            at = found.start()
            self._patience -= 100
            if self._before(at) not in _BEFORE_ITEM:
                continue  # the value of a key, or quoted in a text
            with suppress(ValueError, RecursionError):
                value, _ = self._decode_piece(at, self._next_opening(at))
                if all(map(is_message, value)) if isinstance(value, list) else is_record(value):
                    self._following = at
                    break
        return self._following

    def _next_opening(self, start: int) -> int:
        """Where text like that at `start`, up to the first key, stands again as the next item; the end of the text if nowhere."""
        opening, at = OPENING.match(self.text, start), start
        while opening and self._patience > 0:
            at = self.text.find(opening[0], at + 1)
            if at < 0:
                self._patience -= (len(self.text) - start) // 50  # a search is that much cheaper than reading
                break
            if self._before(at) in _BEFORE_ITEM[1:]:  # after [ it would be inside this one
                return at
            self._patience -= 100
        return len(self.text)

    def _before(self, position: int) -> str:
        """The character before a position, spaces left out. At the start of a line it is the line break, but not for a key's list."""
        near = self.text[max(0, position - 200) : position].rstrip(" \t")
        char = near.rstrip(_SPACE)[-1:]
        return "\n" if near.endswith("\n") and not (char == ":" and self.text[position] == "[") else char

    def _skip(self, position: int) -> int:
        found = _SPACES.match(self.text, position)
        return found.end() if found else position

    def _place(self, position: int) -> tuple[int, int]:
        """Line in the file and column, both counted from 1."""
        if self._breaks is None:
            self._breaks = [found.start() for found in re.finditer("\n", self.text)]
        row = bisect_left(self._breaks, position)
        return self.line + row, position - (self._breaks[row - 1] if row else -1)

    def _error(self, start: int, end: int, cause: Exception | Text) -> ReadError:
        """The error for the text from `start` to `end`, which is skipped."""
        piece = self.text[start:end]
        if self.from_bytes and not is_unicode(piece):
            at, words = explain_bytes(self.text, start, end)
        elif isinstance(cause, dict):
            at, words = start, cause
        else:
            at, words = explain(self.text[start : end + 80], end - start, cause)
            at += start
        first, last = self._place(start)[0], self._place(start + len(piece.rstrip(_SPACE)))[0]
        lost = both("", "")
        if last > first:
            lost = skipped_lines(first, last)
        elif len(piece) > 2000:
            lost = both(f" {len(piece)} characters were skipped.", f"已跳过 {len(piece)} 个字符。")
        line, column = self._place(at)
        error = ReadError(words["en"] + lost["en"], words["zh"] + lost["zh"], line=line, column=column)
        error.raw = raw_bytes(piece)
        return error
