"""The kept set of a file, and what is left out of it, as lines. No Streamlit here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glm4viz.check.chunks import Record, chunks_of
from glm4viz.check.fix import fix_record, raw_of
from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.readers import read_conversations
from glm4viz.recipe import Mask, Recipe
from glm4viz.writing import as_json, rejected_row, rewritten


def kept_lines(path: Path, dropped: Mask, mend: Recipe | None) -> Iterator[bytes]:
    """Every record that isn't dropped, a line each, in its own format: as it stands there, or, with a recipe, mended as `check --fix` does."""
    for (record, _), drop in zip(_records(path), dropped.tolist(), strict=True):
        line = None if drop else _line(record, mend)
        if line is not None:
            yield line.encode() + b"\n"


def left_out_lines(path: Path, name: str, dropped: Mask, mend: Recipe | None) -> Iterator[bytes]:
    """What `kept_lines` doesn't have, with the reason and the text as it stands in the file; name: what that is called."""
    for number, ((record, line), drop) in enumerate(zip(_records(path), dropped.tolist(), strict=True)):
        row: dict[str, Any] | None = None
        if isinstance(record, ReadError):
            row = rejected_row(record) if drop or _line(record, mend) is None else None
        elif drop:
            row = {"reasons": ["marked"], "raw": raw_of(record)}
        if row is not None:
            yield as_json(row | {"file": name, "line": line, "record": number}).encode() + b"\n"


def _line(record: Record, mend: Recipe | None) -> str | None:
    if mend is not None:
        fixed = fix_record(record, mend)
        return None if fixed is None else fixed.line
    return rewritten(record.text, record.record) if isinstance(record, Conversation) else None


def _records(path: Path) -> Iterator[tuple[Record, int]]:
    """As the check reads them, so that their numbers are the same, with their lines in the file, 0 where it has none."""
    for chunk in chunks_of(path):
        for record in chunk.records or read_conversations(chunk.lines):
            yield record, record.line + chunk.before if record.line else 0
