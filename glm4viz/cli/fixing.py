"""What `check --fix` writes: the mended records, side files with what was changed, dropped and can't be read, and how many of each."""

import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.markup import escape

from glm4viz.check import Place, Progress
from glm4viz.check.examine import DROPS, Outcome
from glm4viz.cli.files import SideFiles, output
from glm4viz.cli.misuse import Misuse
from glm4viz.cli.options import say
from glm4viz.linter.mend import Change
from glm4viz.texts import Text, both, printable
from glm4viz.writing import rejected_row

_TABLES = (".parquet", ".arrow", ".csv", ".tsv")
_AS_LINES = both(
    "· What is read is no JSON Lines; written are JSON Lines: each record with its own columns or keys, one a line.",
    "· 读取的不是 JSON Lines；写出的是 JSON Lines：每条记录保留自己的列或键，一行一条。",
)


def parse_drop(names: str | None, fix: Path | None) -> tuple[str, ...]:
    """The names that `--drop` was given. Raises Misuse."""
    if names is None:
        return ()
    given = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    known = ", ".join(DROPS)
    if not given or (unknown := next((name for name in given if name not in DROPS), "")):
        shown = repr(unknown if given else "")
        raise Misuse("--drop", f"{shown} can't be dropped; known are {known}.", f"没有 {shown} 这一类；可用的有 {known}。")
    if fix is None:
        raise Misuse("--drop", "Say with --fix where the other records are to be written.", "请用 --fix 给出其余记录写到哪里。")
    return given


class Fixing:
    """Takes the pieces of a check, writes what becomes of their records, and counts."""

    def __init__(self, out: Path, stack: ExitStack, console: Console, as_json: bool, lang: str) -> None:
        self.out, self.console, self.as_json, self.lang = out, console, as_json, lang
        self.file: BinaryIO = stack.enter_context(output(out, "--fix"))
        regular = os.path.isfile(out) or not os.path.exists(out)  # noqa: PTH110, PTH113
        self.sides = SideFiles(out, "--fix", stack) if regular else None
        self.written = self.changed = self.rejected = self.dropped = 0
        self.changes: Counter[tuple[str, str]] = Counter()  # by kind and sentence
        self.why: Counter[str] = Counter()
        self.reshaped = False  # whether a record was read that doesn't stand on a line of its own

    def add(self, piece: Progress) -> None:
        for outcome in piece.outcomes:
            self._add(outcome)

    def _add(self, outcome: Outcome) -> None:
        if outcome.line is None or outcome.error is not None:
            assert outcome.error is not None
            self.rejected += 1
            self._side("rejected", rejected_row(outcome.error) | {"file": outcome.place.file})
            return
        if outcome.dropped:
            self.dropped += 1
            self.why.update(outcome.dropped)
            self._side("dropped", _at(outcome.place) | {"reasons": list(outcome.dropped), "raw": outcome.raw})
            return
        self.file.write(outcome.line.encode() + b"\n")
        self.written += 1
        self.changed += bool(outcome.changes)
        self.reshaped |= "\n" in outcome.raw or outcome.place.file.lower().endswith(_TABLES)
        for change in outcome.changes:
            self.changes[change.kind, change.sentence(self.lang)] += 1
            self._side("changes", _change(outcome.place, change))
            if self.as_json:
                say({"change": change.sentence(self.lang), **_at(outcome.place), "field": change.path})

    def _side(self, kind: str, row: dict[str, Any]) -> None:
        if self.sides is not None:
            self.sides.write(kind, row)

    def finish(self) -> None:
        """To be called when all pieces were added, before the files take their names."""
        if not self.written:
            raise Misuse("--fix", "No record could be read or kept, so nothing was written.", "没有可读或保留的记录，未写入任何内容。")
        if self.sides is not None:
            self.sides.finish(self.file)

    def as_dict(self) -> dict[str, Any]:
        """The counts, for machines."""
        names = self.sides.names() if self.sides is not None else {}
        counts = {"written": self.written, "changed": self.changed, "left_out": self.rejected + self.dropped}
        more = {"rejected": self.rejected, "dropped": self.dropped, "dropped_as": dict(self.why), "changes": self.changes.total()}
        return counts | more | {"files": {"fixed": str(self.out), **names}}

    def show(self) -> None:
        """Each kind of change with its count, where the details are, and last how many records were written, changed and left out."""
        for (_, sentence), count in self.changes.most_common():
            self.console.print(f"[green]✓[/] {count:,} × {escape(printable(sentence))}")
        for name, count in self.why.most_common():
            self.console.print(f"[yellow]−[/] {count:,} × {name}")
        if self.reshaped:
            self.console.print(_AS_LINES[self.lang])
        for kind, name in (self.sides.names() if self.sides is not None else {}).items():
            self.console.print(f"· {_SIDE[kind][self.lang]}: {escape(printable(name))}")
        left, rejected, dropped = (f"{n:,}" for n in (self.rejected + self.dropped, self.rejected, self.dropped))
        line = both(
            f"{self.written:,} written to {escape(printable(str(self.out)))}, {self.changed:,} changed, {left} left out"
            f" ({rejected} unreadable, {dropped} dropped).",
            f"已写入 {self.written:,} 条到 {escape(printable(str(self.out)))}，改动 {self.changed:,} 条，未写入 {left} 条"
            f"（无法读取 {rejected} 条，按要求去掉 {dropped} 条）。",
        )
        self.console.print(line[self.lang])


_SIDE: dict[str, Text] = {
    "changes": both("each change", "每处改动"),
    "rejected": both("what could not be read, with the reason", "无法读取的记录及原因"),
    "dropped": both("what was dropped, with the reason", "去掉的记录及原因"),
}


def _at(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "record": place.record}


def _change(place: Place, change: Change) -> dict[str, Any]:
    row = _at(place) | {"rule": change.kind, "field": change.path}
    return row | {"change": change.sentence("en"), "change_zh": change.sentence("zh"), "before": change.before, "after": change.after}
