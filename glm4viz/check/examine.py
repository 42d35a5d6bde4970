"""One piece of a file examined: read, labelled in one batch, and whatever isn't plainly clean held against the rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from glm4viz.check.answers import Exchange, exchange
from glm4viz.check.chunks import Chunk
from glm4viz.check.duplicates import fingerprint
from glm4viz.check.fix import fix_plain, fix_record, has_answer, raw_of
from glm4viz.check.items import Item, items_of, messages_of
from glm4viz.check.linting import Linter
from glm4viz.check.measure import UNREAD
from glm4viz.check.near import NearText, near_text
from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.layout import Message
from glm4viz.linter import Finding, lint
from glm4viz.linter.mend import Change
from glm4viz.linter.rules.conversation import UNREADABLE
from glm4viz.readers.fields import TOOLS_READ
from glm4viz.readers.literal import PYTHON
from glm4viz.recipe import MaxLength, Recipe

DROPS = ("duplicates", "near-duplicates", "errors", "no-answer")


class Settings(NamedTuple):
    """What a worker has to know: a recipe's id, its limit, whether mended records are wanted, and how like near duplicates have to be.

    by_hand: the recipe was asked for; else what a run fed is checked as it was fed.
    """

    recipe: str
    max_length: MaxLength = None
    fix: bool = False
    near: float | None = None  # None: they are not looked for
    by_hand: bool = False
    drop: tuple[str, ...] = ()  # names of `DROPS`
    ignore: tuple[str, ...] = ()  # rules whose findings are left out


WHOLE_FILE = -1  # for the number of a record, where a finding is about none of them


class Place(NamedTuple):
    """Where a record stands. record: its number in the file, from 0; line: from 1, or 0 if its file has no lines."""

    file: str
    line: int
    record: int

    def __str__(self) -> str:
        if self.record == WHOLE_FILE:
            return self.file
        return f"{self.file}:{self.line}" if self.line else f"{self.file}#{self.record}"


class Checked(NamedTuple):
    """A record with findings. fingerprint: as in `duplicates`; 0 if it couldn't be read. trained: how many of its tokens are.

    beside: of findings beside another record of its file, the rule and that record: its line, or, in a file without lines, its number from 1.
    """

    place: Place
    findings: list[Finding]
    fingerprint: int = 0
    trained: int = 0
    beside: tuple[tuple[str, int], ...] = ()


class Outcome(NamedTuple):
    """What becomes of a record that is to be written. line: as it is written, None if it can't be read; raw: as it stands in its file.

    dropped: why it is not to be written, by the names that `--drop` takes.
    """

    place: Place
    line: str | None
    changes: list[Change]
    raw: str = ""
    error: ReadError | None = None
    dropped: tuple[str, ...] = ()


@dataclass(slots=True)
class Examined:
    """What came of a piece. Records are counted from the piece's start. trained: tokens of each, or UNREAD or REFUSED."""

    records: int = 0
    trained: list[int] = field(default_factory=list)
    checked: list[Checked] = field(default_factory=list)
    fingerprints: list[int] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)  # line and record of each fingerprint
    near_texts: list[NearText | None] = field(default_factory=list)  # one for each fingerprint, if near duplicates are looked for
    exchanges: list[Exchange | None] = field(default_factory=list)  # one for each fingerprint
    outcomes: list[Outcome] = field(default_factory=list)  # of each record, where mended ones are wanted


def examine(chunk: Chunk, settings: Settings) -> Examined:
    """Everything that is to be found in one piece."""
    items = items_of(chunk)
    out = Examined(records=len(items))
    lint_of = Linter(items, settings.recipe, settings.max_length, settings.by_hand)
    nth = 0
    for number, item in enumerate(items):
        if isinstance(item.record, ReadError):
            out.checked.append(Checked(_place(chunk, item, number), [UNREADABLE.about(item.record)]))
            out.trained.append(UNREAD)
            if settings.fix:
                out.outcomes.append(_outcome(_place(chunk, item, number), item, [], lint_of.recipe, settings))
            continue
        messages = messages_of(item.record)
        if findings := [*_read_leniently(item.record), *lint_of(nth)]:
            out.checked.append(Checked(_place(chunk, item, number), findings, trained=max(lint_of.trained[nth], 0)))
        out.trained.append(lint_of.trained[nth])
        nth += 1
        out.fingerprints.append(fingerprint(messages or _as_fed(item.record)))
        out.places.append((item.line, number))
        out.exchanges.append(exchange(messages))
        if settings.near is not None:
            out.near_texts.append(near_text(messages, settings.near))
        if settings.fix:
            out.outcomes.append(_outcome(_place(chunk, item, number), item, findings, lint_of.recipe, settings))
    return out


def _read_leniently(record: Conversation | Sequence[Message]) -> list[Finding]:
    """What the reader could make out and a training script can't."""
    notes = record.notes if isinstance(record, Conversation) else ()
    return [UNREADABLE.about(ReadError(note)) for note in notes if note in (PYTHON, TOOLS_READ)]


def _outcome(place: Place, item: Item, findings: Sequence[Finding], recipe: Recipe, settings: Settings) -> Outcome:
    record = item.record
    if isinstance(record, ReadError):
        fixed = fix_record(record, recipe)
        if fixed is None:
            return Outcome(place, None, [], error=record)
        raw = record.raw.decode()
    elif isinstance(record, Conversation):
        fixed, raw = fix_record(record, recipe), raw_of(record)
        assert fixed is not None
    else:
        fixed, raw = fix_plain(item.text, record, recipe), item.text
    dropped = []
    if "errors" in settings.drop and (fixed.changes or any(finding.severity == "error" for finding in findings)):
        found = lint(fixed.conversation, recipe, settings.max_length) if fixed.changes else findings
        if any(finding.severity == "error" and finding.rule not in settings.ignore for finding in found):
            dropped.append("errors")
    if "no-answer" in settings.drop and not has_answer(fixed.conversation):
        dropped.append("no-answer")
    return Outcome(place, fixed.line, fixed.changes, raw, None, tuple(dropped))


def records_of(chunk: Chunk) -> list[Conversation | Sequence[Message] | None]:
    """Each record of a piece; None for one that can't be read."""
    return [None if isinstance(item.record, ReadError) else item.record for item in items_of(chunk)]


def _place(chunk: Chunk, item: Item, number: int) -> Place:
    # A folder has files in it, which a record may name.
    file = item.record.file if isinstance(item.record, Conversation | ReadError) else ""
    return Place(file or chunk.file, item.line, number)


def _as_fed(record: Conversation | Sequence[Message]) -> Sequence[Message]:
    """In place of messages that couldn't be found, the ids that a run fed."""
    fed = record.captured if isinstance(record, Conversation) else None
    return [] if fed is None else [{"ids": fed.input_ids.tolist()}]
