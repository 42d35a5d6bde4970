"""glm4viz convert: datasets of any format as GLM-4's JSON Lines."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.markup import escape

from glm4viz.cli.files import SIDES, SideFiles, must_be_there, not_onto, output, side_path
from glm4viz.cli.misuse import Misuse, complain
from glm4viz.cli.options import Language
from glm4viz.cli.records import read
from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.readers import FORMATS
from glm4viz.readers.formats import used_keys
from glm4viz.texts import Text, both, printable
from glm4viz.writing import converted, rejected_row

_SHOWN_EVERY = 500


def command(
    files: Annotated[list[Path], typer.Argument(help="JSON, JSONL, CSV (also .gz, .zst), Parquet, Arrow, dataset folders; - reads stdin.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The JSONL to write; .gz compresses; - writes standard output.", allow_dash=True)
    ],
    format: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "auto",
    lang: Language = "en",
) -> None:
    """Write conversations of any format as GLM-4's JSONL: one {"messages": […]} a line, with the record's other keys (id, source, …).

    What can't be read is listed and goes to OUT.rejected.jsonl, with the reason; the rest is written. The file appears when it is whole, and
    is never one that is read.
    """
    if format not in FORMATS:
        known = ", ".join(FORMATS)
        raise Misuse("--format", f"There is no format {format!r}; known are {known}.", f"没有格式 {format!r}；可用的有 {known}。")
    must_be_there(files)
    tally = _Tally(Console(stderr=True, highlight=False, soft_wrap=True), lang)
    to_stdout = str(out) == "-"
    not_onto([("--out", out), *(("--out", side_path(out, kind)) for kind in SIDES if not to_stdout)], files)
    with suppress(_NothingRead), ExitStack() as stack:
        file = stack.enter_context(_output(out))
        sides = None if to_stdout or _is_device(out) else SideFiles(out, "--out", stack)
        for record in _read(files, format, tally):
            if isinstance(record, Conversation):
                file.write(tally.convert(record).encode() + b"\n")
            elif sides:
                sides.write("rejected", rejected_row(record))
        if not tally.written:
            raise _NothingRead
        if sides:
            sides.finish(file)
            tally.sides = sides.names()
    tally.sum_up(str(out))
    raise typer.Exit(1 if tally.failed else 0)


# ---------------------------------------------------------------------------------------------------------------------


class _NothingRead(Exception):
    """No conversation was read: a file that stands there is not replaced by an empty one."""


def _is_device(path: Path) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)  # noqa: PTH110, PTH113


@contextmanager
def _output(out: Path) -> Iterator[BinaryIO]:
    if str(out) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with output(out, "--out") as file:
        yield file


def _read(files: list[Path], format: str, tally: "_Tally") -> Iterator[Conversation | ReadError]:
    with tally.console.status("…") if tally.console.is_terminal else _no_status() as status:
        for number, record in enumerate(record for file in files for record in read(file, format)):
            if isinstance(record, ReadError):
                tally.add_error(record)
            else:
                tally.add(record)
            yield record
            if status and number % _SHOWN_EVERY == 0:
                status.update(f"{tally.written:,} · {escape(printable(record.file))}")


@contextmanager
def _no_status() -> Iterator[None]:
    yield None


def _collides(key: str) -> Text:
    return both(
        f"The key {key!r} of a record was left out: GLM-4's form has that name for something else.",
        f"去掉了记录的键 {key!r}：GLM-4 的格式中这个名字另有含义。",
    )


class _Tally:
    """What was read and what was not, told on standard error."""

    def __init__(self, console: Console, lang: str) -> None:
        self.console, self.lang = console, lang
        self.written, self.changed, self.failed = 0, 0, 0
        self.sides: dict[str, str] = {}
        self.formats: dict[str, int] = {}
        self.notes: dict[str, Text] = {}

    def add(self, conversation: Conversation) -> None:
        self.written += 1
        self.formats[conversation.format] = self.formats.get(conversation.format, 0) + 1
        for note in conversation.notes:
            self.notes.setdefault(note["en"], note)

    def convert(self, conversation: Conversation) -> str:
        """The record's line, counted as changed if it isn't the record as it was."""
        old = conversation.record
        own = used_keys(conversation.format, old) if isinstance(old, dict) else ()
        line, lost = converted(conversation, own)
        self.changed += line.strip() != conversation.text.removeprefix("\ufeff").strip()
        for key in lost:
            note = _collides(key)
            self.notes.setdefault(note["en"], note)
        return line

    def add_error(self, error: ReadError) -> None:
        self.failed += 1
        complain(error.where(), error.sentence(self.lang))

    def sum_up(self, out: str) -> None:
        for note in self.notes.values():
            self.console.print(f"[dim]·[/] {escape(printable(note[self.lang]))}")
        formats = ", ".join(f"{name} {count:,}" for name, count in self.formats.items())
        failed, changed, out = f"{self.failed:,}", f"{self.changed:,}", escape(printable(out))
        side = escape(printable(self.sides.get("rejected", "")))
        if self.lang == "zh":
            done = f"已写入 {self.written:,} 条对话到 {out}（{formats}）。" if self.written else "没有可读的对话，未写入任何内容。"
            left = f"有 {failed} 处无法读取，见上" + (f"，原文在 {side}。" if side else "。") if self.failed else ""
            counts = f"写入 {self.written:,}，改动 {changed}，未写入 {failed}。"
        else:
            count = f"{self.written:,} conversation{'s' if self.written > 1 else ''}"
            done = f"{count} written to {out} ({formats})." if self.written else "Nothing could be read, so nothing was written."
            left = f" {failed} could not be read, see above" + (f"; they are in {side}." if side else ".") if self.failed else ""
            counts = f"{self.written:,} written, {changed} changed, {failed} left out."
        self.console.print(f"[bold]{'✗' if self.failed else '✓'}[/] {done}{left}")
        self.console.print(counts)
