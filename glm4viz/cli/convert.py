"""glm4viz convert: datasets of any format as GLM-4's JSON Lines."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.markup import escape

from glm4viz.cli.files import must_be_there, output
from glm4viz.cli.misuse import Misuse, complain
from glm4viz.cli.options import Language
from glm4viz.cli.records import read
from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.readers import FORMATS
from glm4viz.texts import Text, printable
from glm4viz.writing import to_line

_SHOWN_EVERY = 500


def command(
    files: Annotated[list[Path], typer.Argument(help="JSON, JSONL, CSV (also .gz, .zst), Parquet, Arrow, dataset folders; - reads stdin.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The JSONL to write; .gz compresses; - writes standard output.", allow_dash=True)
    ],
    format: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "auto",
    lang: Language = "en",
) -> None:
    """Write conversations of any format as GLM-4's JSONL: one {"messages": […]} a line.

    What can't be read is listed, and the rest is written. The file appears when it is whole.
    """
    if format not in FORMATS:
        known = ", ".join(FORMATS)
        raise Misuse("--format", f"There is no format {format!r}; known are {known}.", f"没有格式 {format!r}；可用的有 {known}。")
    must_be_there(files)
    tally = _Tally(Console(stderr=True, highlight=False, soft_wrap=True), lang)
    with suppress(_NothingRead), _output(out) as file:
        for conversation in _read(files, format, tally):
            file.write(to_line(conversation))
        if not tally.written:
            raise _NothingRead
    tally.sum_up(str(out))
    raise typer.Exit(1 if tally.failed else 0)


# ---------------------------------------------------------------------------------------------------------------------


class _NothingRead(Exception):
    """No conversation was read: a file that stands there is not replaced by an empty one."""


@contextmanager
def _output(out: Path) -> Iterator[BinaryIO]:
    if str(out) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with output(out, "--out") as file:
        yield file


def _read(files: list[Path], format: str, tally: "_Tally") -> Iterator[Conversation]:
    with tally.console.status("…") if tally.console.is_terminal else _no_status() as status:
        for number, record in enumerate(record for file in files for record in read(file, format)):
            if isinstance(record, ReadError):
                tally.add_error(record)
                continue
            tally.add(record)
            yield record
            if status and number % _SHOWN_EVERY == 0:
                status.update(f"{tally.written:,} · {escape(printable(record.file))}")


@contextmanager
def _no_status() -> Iterator[None]:
    yield None


class _Tally:
    """What was read and what was not, told on standard error."""

    def __init__(self, console: Console, lang: str) -> None:
        self.console, self.lang = console, lang
        self.written, self.failed = 0, 0
        self.formats: dict[str, int] = {}
        self.notes: dict[str, Text] = {}

    def add(self, conversation: Conversation) -> None:
        self.written += 1
        self.formats[conversation.format] = self.formats.get(conversation.format, 0) + 1
        for note in conversation.notes:
            self.notes.setdefault(note["en"], note)

    def add_error(self, error: ReadError) -> None:
        self.failed += 1
        complain(error.where(), error.sentence(self.lang))

    def sum_up(self, out: str) -> None:
        for note in self.notes.values():
            self.console.print(f"[dim]·[/] {escape(printable(note[self.lang]))}")
        formats = ", ".join(f"{name} {count:,}" for name, count in self.formats.items())
        failed, out = f"{self.failed:,}", escape(printable(out))
        if self.lang == "zh":
            done = f"已写入 {self.written:,} 条对话到 {out}（{formats}）。" if self.written else "没有可读的对话，未写入任何内容。"
            left = f"有 {failed} 处无法读取，见上。" if self.failed else ""
        else:
            count = f"{self.written:,} conversation{'s' if self.written > 1 else ''}"
            done = f"{count} written to {out} ({formats})." if self.written else "Nothing could be read, so nothing was written."
            left = f" {failed} could not be read, see above." if self.failed else ""
        self.console.print(f"[bold]{'✗' if self.failed else '✓'}[/] {done}{left}")
