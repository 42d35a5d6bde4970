"""The one reading loop: what a command does with a conversation is done with each, and what goes wrong with one is shown in one way."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import typer

from glm4viz.cli.misuse import complain
from glm4viz.cli.options import say
from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError, ReadError
from glm4viz.readers import read_conversations


def read(file: Path, format: str = "auto") -> Iterator[Conversation | ReadError]:
    """The records of a file, or for - of standard input."""
    return read_conversations(sys.stdin.buffer if str(file) == "-" else file, format)


def each_record(file: Path, work: Callable[[int, Conversation], bool], as_json: bool, lang: str) -> NoReturn:
    """Does the command's work with each conversation of a file, and ends the command: with 1 if a record failed.

    work: told the record's number, from 0, and the conversation; says whether all went well, or raises what is then shown.
    """
    each_of(read(file), work, as_json, lang)


def each_of(records: Iterable[Conversation | ReadError], work: Callable[[int, Conversation], bool], as_json: bool, lang: str) -> NoReturn:
    """The same with records that are being read."""
    failed = False
    for number, record in enumerate(records):
        try:
            if isinstance(record, ReadError):
                raise record
            failed |= not work(number, record)
        except Glm4vizError as error:
            failed = True
            show_error(error, number, record.line, as_json, lang)
    raise typer.Exit(int(failed))


def show_error(error: Glm4vizError, number: int, line: int, as_json: bool, lang: str) -> None:
    """line: of the record in its file, 0 if it has none."""
    if as_json:
        details: dict[str, Any] = {"record": number, "line": line, "error": type(error).__name__, "sentence": error.sentence(lang)}
        say(details | ({"column": error.column, "field": error.field} if isinstance(error, ReadError) else {}))
    else:
        complain(
            error.where() if isinstance(error, ReadError) else f"record {number}" + (f", line {line}" if line else ""), error.sentence(lang)
        )
