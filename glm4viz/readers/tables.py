"""Records from a table with named columns: what CSV rows, Parquet and Arrow have in common, and CSV itself."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator

from glm4viz.conversation import MessageError, is_unicode, shown
from glm4viz.errors import ReadError
from glm4viz.readers.explain import explain_bytes, skipped_lines
from glm4viz.readers.fields import from_json
from glm4viz.readers.formats import STRUCTURED, has_form
from glm4viz.readers.source import Lines
from glm4viz.readers.values import Record, raw_bytes
from glm4viz.texts import both

_DELIMITERS = ",\t;"
_LONGEST_ROW = 16_000_000  # characters


def row_record(
    cells: Iterable[tuple[str, object]], line: int, *, file: str = "", risky: bool = False, filled: bool = False
) -> Record | ReadError:
    """One row as a record. A null cell is an absent one: a table can't leave a column out of one row."""
    value: dict[str, object] = {}
    own = dict(cells)
    for name, cell in own.items():
        if name in STRUCTURED and isinstance(cell, str):
            try:
                cell = from_json(cell, name) if cell.strip() else None
            except MessageError as error:
                left_out = ReadError(error.said, file=file, line=line, field=name)
                left_out.raw = Record(own, line, risky).raw()
                return left_out
        elif name in STRUCTURED and isinstance(cell, dict):
            cell = _turned(cell)
        if cell is not None:
            value[name] = cell
    return Record(value, line, risky, file, filled, own=own)


def _turned(cell: dict[str, object]) -> object:
    """A list of turns that older versions of `datasets` have stored as one list a field: {"role": […], "content": […]}."""
    columns = [column for column in cell.values() if isinstance(column, list)]
    if not columns or len(columns) < len(cell) or len({len(column) for column in columns}) > 1:
        return cell
    return [dict(zip(cell, turn, strict=True)) for turn in zip(*columns, strict=True)]


# CSV ------------------------------------------------------------------------------------------------------------------


def csv_columns(line: str) -> tuple[list[str], str] | None:
    """The columns that a first line names, and what stands between them; None if they aren't those of a known format.

    So a CSV file is known by its content, and no text that starts like JSON is ever taken for one.
    """
    if line.lstrip()[:1] in ("", "{", "["):
        return None
    for delimiter in _DELIMITERS:
        names = _split(line, delimiter)
        if has_form(names):
            return names, delimiter
    return None


def _split(line: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []
    return [cell.strip() for cell in cells]


def csv_records(source: Lines, names: list[str], delimiter: str) -> Iterator[Record | ReadError]:
    """The rows below the header, which has been taken from the lines already, as records."""
    csv.field_size_limit(2**31 - 1)  # for all of the process, but 128 kB is too little for a conversation
    rows = _Rows(source, delimiter)
    for line, cells, risky in rows:
        if isinstance(cells, ReadError):
            yield _with_raw(cells, rows)
        elif len(cells) != len(names):
            error = ReadError(
                f"This row has {len(cells)} cells, but the header has {len(names)}. "
                'Put a text with a comma, a quote or a line break in it in double quotes, with each quote in it written "".',
                f'这一行有 {len(cells)} 个单元格，表头有 {len(names)} 个。含逗号、引号或换行的文本请放在双引号里，其中的引号写成 ""。',
                line=line,
            )
            yield _with_raw(error, rows)
        else:
            yield row_record(zip(names, cells, strict=True), line, risky=risky)


def _with_raw(error: ReadError, rows: "_Rows") -> ReadError:
    error.raw = raw_bytes("".join(rows.taken))
    return error


class _Rows:
    """Number of the first line, cells, and whether there are lone surrogates in them, of each row. Behind a row that can't be read, reading goes on with the next line."""

    def __init__(self, source: Lines, delimiter: str) -> None:
        self._source, self._delimiter = source, delimiter
        self._lines: Iterator[str] = source.lines
        self._again: deque[str] = deque()  # lines that a broken row has taken in
        self.taken: list[str] = []  # lines of the row at hand
        self._size = 0  # their characters
        self._patience = 1_000_000  # characters to read again; without bounds, hostile input could take minutes

    def __iter__(self) -> Iterator[tuple[int, list[str] | ReadError, bool]]:
        line = 2
        reader = csv.reader(self._feed(), delimiter=self._delimiter, strict=True)
        while True:
            self.taken, self._size = [], 0
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield line, self._broken(line, error), False
                reader = csv.reader(self._feed(), delimiter=self._delimiter, strict=True)
            else:
                if cells is None:
                    return
                text = "".join(self.taken)
                risky = not is_unicode(text)
                if risky and self._source.from_bytes:
                    yield line, _not_utf8(text, line), False
                elif text.strip():
                    yield line, cells, risky
            line += len(self.taken)

    def _feed(self) -> Iterator[str]:
        while True:
            if self._size > _LONGEST_ROW:  # a text that is never closed would take in all the rest
                raise csv.Error("the row is too long")
            if self._again:
                line = self._again.popleft()
            elif (following := next(self._lines, None)) is not None:
                line = f"{following}\n"
                self._patience += 2 * len(line)  # so that all in all the time stays in proportion
            else:
                return
            self.taken.append(line)
            self._size += len(line)
            yield line

    def _broken(self, line: int, error: csv.Error) -> ReadError:
        rest = self.taken[1:]
        self._patience -= sum(map(len, rest))
        lost = both("", "")
        if self._patience > 0:
            self._again.extendleft(reversed(rest))
            del self.taken[1:]
        elif rest:
            lost = skipped_lines(line, line + len(rest))
        return ReadError(
            f'This row isn\'t CSV ({error}). Close each text that opens with a double quote, and write a quote in it as "".{lost["en"]}',
            f'这一行不是 CSV（{error}）。以双引号开始的文本要用双引号结束，文本里的引号写成 ""。{lost["zh"]}',
            line=line,
        )


def _not_utf8(text: str, line: int) -> ReadError:
    at, words = explain_bytes(text, 0, len(text))
    breaks = text.count("\n", 0, at)
    return ReadError(words, line=line + breaks, column=at - text.rfind("\n", 0, at))


def unknown_columns(line: str) -> ReadError:
    """The error for a CSV file whose first line names no columns that a conversation has."""
    names = max((_split(line, delimiter) for delimiter in _DELIMITERS), key=len)
    found = ", ".join(shown(name, 20) for name in names[:6])
    return ReadError(
        f"The columns of this CSV are {found}. Name them as a format does: instruction, input, output; or prompt, response, history; "
        "or messages (as JSON).",
        f"这个 CSV 的列是 {found}。请按某种格式命名：instruction、input、output；或 prompt、response、history；或 messages（JSON）。",
        line=1,
    )
