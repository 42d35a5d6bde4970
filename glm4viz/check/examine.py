"""One piece of a file examined: read, labelled in one batch, and whatever isn't plainly clean held against the rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from glm4viz.check.chunks import Chunk, Record
from glm4viz.check.duplicates import fingerprint
from glm4viz.check.fix import fix_plain, fix_record, has_answer, raw_of
from glm4viz.check.glance import (
    MESSAGE_RULES,
    can_be_judged,
    count_answers,
    lines_asked_about,
    plain_messages,
    reads_clean,
    trains_as_it_should,
)
from glm4viz.check.measure import UNREAD, UNWRITABLE, count_trained, label_each
from glm4viz.check.near import NearText, near_text
from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.labelling.batch import label_batch
from glm4viz.layout import Message
from glm4viz.linter import Finding, lint
from glm4viz.linter.case import Case
from glm4viz.linter.mend import Change
from glm4viz.linter.rules.conversation import UNREADABLE
from glm4viz.linter.rules.text import merges_newlines
from glm4viz.linter.run import rank
from glm4viz.readers import read_conversations
from glm4viz.readers.fields import TOOLS_READ
from glm4viz.readers.literal import PYTHON
from glm4viz.recipe import MaxLength, Recipe
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import get_recipe, load_tokenizer

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
    """A record with findings. fingerprint: as in `duplicates`; 0 if it couldn't be read. trained: how many of its tokens are."""

    place: Place
    findings: list[Finding]
    fingerprint: int = 0
    trained: int = 0


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
    outcomes: list[Outcome] = field(default_factory=list)  # of each record, where mended ones are wanted


class _Item(NamedTuple):
    """A record on its way. clean: its text holds nothing that a rule asks about, and its messages are plain. text: the line of plain ones."""

    line: int
    record: Conversation | Sequence[Message] | ReadError
    clean: bool
    text: str = ""


def examine(chunk: Chunk, settings: Settings) -> Examined:
    """Everything that is to be found in one piece."""
    items = _items(chunk)
    out = Examined(records=len(items))
    lint_of = _Linter([item for item in items if not isinstance(item.record, ReadError)], settings)
    nth = 0
    for number, item in enumerate(items):
        if isinstance(item.record, ReadError):
            out.checked.append(Checked(_place(chunk, item, number), [UNREADABLE.about(item.record)]))
            out.trained.append(UNREAD)
            if settings.fix:
                out.outcomes.append(_outcome(_place(chunk, item, number), item, [], lint_of.recipe, settings))
            continue
        messages = _messages(item.record)
        if findings := [*_read_leniently(item.record), *lint_of(nth)]:
            out.checked.append(Checked(_place(chunk, item, number), findings, trained=max(lint_of.trained[nth], 0)))
        out.trained.append(lint_of.trained[nth])
        nth += 1
        out.fingerprints.append(fingerprint(messages or _as_fed(item.record)))
        out.places.append((item.line, number))
        if settings.near is not None:
            out.near_texts.append(near_text(messages, settings.near))
        if settings.fix:
            out.outcomes.append(_outcome(_place(chunk, item, number), item, findings, lint_of.recipe, settings))
    return out


def _read_leniently(record: Conversation | Sequence[Message]) -> list[Finding]:
    """What the reader could make out and a training script can't."""
    notes = record.notes if isinstance(record, Conversation) else ()
    return [UNREADABLE.about(ReadError(note)) for note in notes if note in (PYTHON, TOOLS_READ)]


def _outcome(place: Place, item: _Item, findings: Sequence[Finding], recipe: Recipe, settings: Settings) -> Outcome:
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
        dropped += ["errors"] if any(finding.severity == "error" for finding in found) else []
    if "no-answer" in settings.drop and not has_answer(fixed.conversation):
        dropped.append("no-answer")
    return Outcome(place, fixed.line, fixed.changes, raw, None, tuple(dropped))


def records_of(chunk: Chunk) -> list[Conversation | Sequence[Message] | None]:
    """Each record of a piece; None for one that can't be read."""
    return [None if isinstance(item.record, ReadError) else item.record for item in _items(chunk)]


def _place(chunk: Chunk, item: _Item, number: int) -> Place:
    # A folder has files in it, which a record may name.
    file = item.record.file if isinstance(item.record, Conversation | ReadError) else ""
    return Place(file or chunk.file, item.line, number)


def _as_fed(record: Conversation | Sequence[Message]) -> Sequence[Message]:
    """In place of messages that couldn't be found, the ids that a run fed."""
    fed = record.captured if isinstance(record, Conversation) else None
    return [] if fed is None else [{"ids": fed.input_ids.tolist()}]


def _messages(record: Conversation | Sequence[Message]) -> Sequence[Message]:
    return record.messages if isinstance(record, Conversation) else record


# Reading --------------------------------------------------------------------------------------------------------------


def _items(chunk: Chunk) -> list[_Item]:
    if chunk.records:
        return [_Item(record.line, record, False) for record in chunk.records]
    try:
        lines = chunk.lines.decode().split("\n")
    except UnicodeDecodeError:
        return _read_carefully(chunk)
    asked_about = lines_asked_about(chunk.lines)
    items = []
    for number, line in enumerate(lines):
        messages = plain_messages(line)
        if messages is None:
            if not line or line.isspace():
                continue
            found = _read_line(line, chunk.before + number + 1)
            if found is None:
                return _read_carefully(chunk)
            items += found
        else:
            items.append(_Item(chunk.before + number + 1, messages, number not in asked_about, line))
    return items


def _read_line(line: str, number: int) -> list[_Item] | None:
    """The records of a line that the reader understands by itself; None if it may belong together with others."""
    records: list[Record] = list(read_conversations(line.encode()))
    if any(isinstance(record, ReadError) for record in records):
        return None
    return [_Item(number, record, False) for record in records]


def _read_carefully(chunk: Chunk) -> list[_Item]:
    """All lines by the reader, with as many empty ones before as stand in the file, so that the numbers it names are right."""
    records = read_conversations(b"\n" * chunk.before + chunk.lines)
    items = []
    for record in records:
        if isinstance(record, ReadError):
            record.file = record.file or chunk.file
        items.append(_Item(record.line, record, False))
    return items


# Rules ----------------------------------------------------------------------------------------------------------------


class _Linter:
    """The findings of the nth conversation: the same as `lint` has, got with as little work as possible."""

    def __init__(self, items: Sequence[_Item], settings: Settings) -> None:
        self.items, self.settings = items, settings
        self.recipe: Recipe = get_recipe(settings.recipe)
        self.merges = merges_newlines(self.recipe)
        self.trained_well, self.trained = self._judge()

    def _judge(self) -> tuple[list[bool], list[int]]:
        """Of each conversation: whether it is plainly trained as it should be, and how many of its tokens are trained."""
        limit, given = self.settings.max_length, [item.record for item in self.items if not isinstance(item.record, ReadError)]
        if can_be_judged(self.recipe) and not isinstance(limit, tuple) and given:
            messages = [_messages(record) for record in given]
            try:
                batch = label_batch(messages, self.recipe)
            except UNWRITABLE:
                pass  # one record holds what the recipe can't write; each is looked at by itself then
            else:
                good: list[bool] = trains_as_it_should(batch, map(count_answers, messages), limit, load_tokenizer()).tolist()
                return good, self._as_fed(given, count_trained([(0, batch)], len(given), limit).tolist())
        return [False] * len(given), self._as_fed(given, count_trained(label_each(given, self.recipe, limit), len(given)).tolist())

    def _as_fed(self, given: Sequence[Conversation | Sequence[Message]], trained: list[int]) -> list[int]:
        """The same, but of a record that a run fed what it trained, unless a recipe was asked for."""
        for nth, record in enumerate(given):
            if isinstance(record, Conversation) and record.captured is not None and not self.settings.by_hand:
                trained[nth] = int(count_trained(label_each([record], CAPTURED, self.settings.max_length), 1)[0])
        return trained

    def __call__(self, nth: int) -> list[Finding]:
        item = self.items[nth]
        if isinstance(item.record, ReadError):
            return []
        if isinstance(item.record, Conversation) and item.record.captured is not None:
            return lint(item.record, self.settings.recipe if self.settings.by_hand else CAPTURED, self.settings.max_length)
        if self.recipe.form == "openai":
            return lint(item.record, self.recipe, self.settings.max_length)
        messages = _messages(item.record)
        if not self.trained_well[nth] or self._hides_something(messages, item.clean):
            return lint(messages, self.recipe, self.settings.max_length)
        if item.clean and reads_clean(messages):
            return []
        # Trained as it should be, so only the messages can be at fault; labels are needed only to say which tokens that is about.
        case, findings = Case(messages, self.recipe), list[Finding]()
        for rule in MESSAGE_RULES:
            for hit in rule.find(case):
                if rule.refines or hit.span is not None:
                    return lint(messages, self.recipe, self.settings.max_length)
                findings.append(rule.finding(hit, None))
        return sorted(findings, key=rank)

    def _hides_something(self, messages: Sequence[Message], clean: bool) -> bool:
        """Whether a text may become other tokens than it seems to, and still be trained as it should be."""
        if clean and not self.merges:
            return False
        texts = [message["content"] for message in messages if message["content"]]
        return any((self.merges and text[0].isspace()) or "[MASK]" in text for text in texts)
