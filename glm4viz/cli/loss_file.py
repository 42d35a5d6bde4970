"""glm4viz loss over a file of many records: computed as it is read, told while it goes on, kept in pieces, summed up."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from glm4viz.cli.choice import Choice
from glm4viz.cli.files import not_onto
from glm4viz.cli.loss_totals import as_dict, show_totals
from glm4viz.cli.misuse import Interrupted, Misuse, complain
from glm4viz.cli.options import say
from glm4viz.cli.records import show_error
from glm4viz.conversation import Conversation, shown
from glm4viz.errors import Glm4vizError, ModelError, ReadError
from glm4viz.texts import Text, both, fill

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel
    from glm4viz.loss.pieces import Pieces
    from glm4viz.loss.rows import Row

KINDS = (".jsonl", ".jsonl.gz", ".parquet")
_GOES_ON = both(
    "{folder} has the rows of {count:,} records already; it goes on behind them.",
    "{folder} 里已有 {count:,} 条记录的结果；从其后继续。",
)
_STOPPED = both("Stopped after {count:,} records. {kept}", "已在 {count:,} 条记录后停止。{kept}")
_KEPT = both(
    "The rows of {count:,} are kept in {folder}, and the same command goes on behind them.",
    "其中 {count:,} 条的结果保存在 {folder}，再次运行同一命令即可继续。",
)
_NOT_KEPT = both(
    "Nothing is kept: that takes -o OUT and a file that can be read again.", "没有保存任何结果：需要 -o OUT，以及可以重新读取的文件。"
)
_AT = both(
    "{done:,} of {all:,} records · {rate:,.0f} tokens/s · {left} left", "{done:,} / {all:,} 条记录 · {rate:,.0f} token/秒 · 剩余 {left}"
)
_AT_UNKNOWN = both("{done:,} records · {rate:,.0f} tokens/s", "{done:,} 条记录 · {rate:,.0f} token/秒")


def check_output(out: Path | None, file: Path) -> None:
    """Raises Misuse unless this is what rows can be written to."""
    if out is None:
        return
    name = shown(str(out), 80)
    if not out.name.endswith(KINDS):
        kinds = ", ".join(KINDS)
        raise Misuse(
            "--out", f"{name} is none of {kinds}; the ending says what is written.", f"{name} 不是 {kinds} 之一；扩展名决定写出的格式。"
        )
    if out.name.endswith(".parquet") and not _has_pyarrow():
        raise Misuse(
            "--out",
            "Parquet needs pyarrow: pip install 'glm4viz[formats]'. Or write .jsonl.",
            "写 Parquet 需要 pyarrow：pip install 'glm4viz[formats]'；也可以写 .jsonl。",
        )
    not_onto([("--out", out)], [file])
    with _writing(out):
        if out.is_dir():
            raise IsADirectoryError(None, "Is a directory")
        if not out.parent.is_dir():
            raise FileNotFoundError(None, "No such file or directory")


@dataclass(frozen=True)
class Run:
    """What is asked for over a file. records: of the file, from the first on; out: where rows go, or None."""

    file: Path
    records: Iterable[Conversation | ReadError]
    model: "AnyModel"
    chosen: Choice
    out: Path | None
    as_json: bool
    lang: str

    @property
    def can_go_on(self) -> bool:
        """Whether the file can be read again, unlike a pipe."""
        return str(self.file) != "-" and (self.file.is_file() or self.file.is_dir())


def over_file(run: Run) -> NoReturn:
    """Computes all, and ends the command: with 1 if a record has no loss. Raises Misuse, Interrupted."""
    from glm4viz.loss.file import record_losses
    from glm4viz.loss.totals import Totals, count

    pieces = None if run.out is None else _pieces(run, run.out)
    totals = Totals() if pieces is None else pieces.totals
    recipe = run.chosen.recipe if run.chosen.by_hand else None
    began, before = time.monotonic(), totals.tokens
    try:
        with _progress(run, totals.records) as told:
            found = record_losses(run.model, run.records, recipe, run.chosen.max_length, start=totals.records, progress=told.tokens)
            for record in found:
                row, own = count(record)
                if pieces is None:
                    totals.merge(own)
                else:
                    with _writing(pieces.out):
                        pieces.add(row, own)
                _tell(row, record.error, run)
                told.records(totals.records)
        if pieces is not None:
            with _writing(pieces.out):
                pieces.finish()
    except KeyboardInterrupt:
        raise Interrupted(fill(_STOPPED, count=totals.records, kept=_keep(run, pieces))) from None
    except ModelError as error:  # no record would get an answer
        complain("", f"{error.sentence(run.lang)} {fill(_STOPPED, count=totals.records, kept=_keep(run, pieces))[run.lang]}")
        raise typer.Exit(1) from None
    rate = (totals.tokens - before) / max(time.monotonic() - began, 1e-9)
    if run.as_json:
        say({"summary": as_dict(run.file, run.model, run.chosen, totals, rate, run.lang)})
    else:
        show_totals(Console(highlight=False, soft_wrap=True), run.file, run.model, run.chosen, totals, rate, run.lang)
    raise typer.Exit(1 if totals.bad else 0)


# ---------------------------------------------------------------------------------------------------------------------


def _has_pyarrow() -> bool:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def _tell(row: "Row", error: Glm4vizError | None, run: Run) -> None:
    if error is not None:
        show_error(error, row["record"], row["line"] or 0, run.as_json, run.lang)
    elif run.as_json:
        say(row)


def _pieces(run: Run, out: Path) -> "Pieces":
    """The output's pieces, after saying on standard error that some are there already. Raises Misuse."""
    from glm4viz.loss.pieces import OtherRun, Pieces, about_run

    recipe = run.chosen.recipe.id if run.chosen.by_hand else "as fed, or glm4"
    try:
        with _writing(out):
            pieces = Pieces(out, about_run(run.file if run.can_go_on else None, run.model, recipe, run.chosen.max_length))
    except OtherRun as error:
        raise Misuse.because("--out", error) from None
    if pieces.kept:
        said = fill(_GOES_ON, folder=str(pieces.folder), count=pieces.kept)[run.lang]
        Console(stderr=True, highlight=False, soft_wrap=True, markup=False).print(said)
    return pieces


def _keep(run: Run, pieces: "Pieces | None") -> Text:
    """What is kept of a run that is stopped, in a sentence."""
    if pieces is None:
        return _NOT_KEPT
    with _writing(pieces.out):
        if not run.can_go_on:
            pieces.remove()
            return _NOT_KEPT
        pieces.keep()
    return fill(_KEPT, count=pieces.kept, folder=str(pieces.folder))


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Raises Misuse where the output can't be written."""
    try:
        yield
    except OSError as error:
        name, reason = shown(str(out), 80), error.strerror or error
        raise Misuse("--out", f"{name} can't be written: {reason}.", f"无法写入 {name}：{reason}。") from None


# Progress -------------------------------------------------------------------------------------------------------------


class _Told:
    """How far it is, how quick, and how long it takes yet: told of tokens while they are computed, and of records when they are done."""

    def __init__(self, bar: Progress | None, first: int, all_records: int | None, lang: str) -> None:
        self.bar, self.first, self.all, self.lang = bar, first, all_records, lang
        self.done, self.computed, self.open, self.began = first, 0.0, 0.0, time.monotonic()
        self.task = None if bar is None else bar.add_task("", total=all_records, completed=first, said="")

    def tokens(self, more: float) -> None:
        self.computed, self.open = self.computed + more, self.open + more
        self._show()

    def records(self, done: int) -> None:
        self.done, self.open = done, 0.0

    def _show(self) -> None:
        if self.bar is None or self.task is None:
            return
        took, new = max(time.monotonic() - self.began, 1e-3), self.done - self.first
        known = {"done": self.done, "rate": self.computed / took}
        closed = self.computed - self.open
        # Tokens of records that aren't done count as so many records as they would be on average.
        ahead = new + (self.open * new / closed if closed and new else 0.0)
        if self.all is None:
            said = fill(_AT_UNKNOWN, **known)
        else:
            rest = max(self.all - self.first - ahead, 0.0)
            left = str(timedelta(seconds=round(took * rest / ahead))) if ahead else "?"
            said = fill(_AT, all=self.all, left=left, **known)
        self.bar.update(self.task, completed=self.first + ahead, said=said[self.lang])


@contextmanager
def _progress(run: Run, first: int) -> Iterator[_Told]:
    """A bar on standard error, where that is a terminal. For the time left the records are counted first, which takes little of it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Told(None, first, None, run.lang)
        return
    from glm4viz.cli.records import read

    all_records = sum(1 for _ in read(run.file)) if run.can_go_on else None
    columns = (BarColumn(), TextColumn("{task.fields[said]}", markup=False))
    # Nothing else may go its way: rows on standard output are for another program.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        yield _Told(bar, first, all_records, run.lang)
