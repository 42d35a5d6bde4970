"""Files checked piece by piece, in as many processes as there are cores, with results in the order of the files."""

import os
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType

from glm4viz.check.answers import MOST, Misplaced
from glm4viz.check.chunks import SIZE, Chunk, chunks_of
from glm4viz.check.duplicates import Seen
from glm4viz.check.examine import Checked, Examined, Outcome, Place, Settings, examine
from glm4viz.check.near import NearSeen
from glm4viz.check.workers import deaf_to_ctrl_c, worker_pool
from glm4viz.conversation import Conversation
from glm4viz.linter import Finding
from glm4viz.linter.findings import Hit
from glm4viz.linter.rules.dataset import DUPLICATE, MISPLACED, NEAR_DUPLICATE, OTHER_ANSWER
from glm4viz.linter.run import rank
from glm4viz.texts import Text

_DROPPED_AS = {DUPLICATE.id: "duplicates", NEAR_DUPLICATE.id: "near-duplicates"}
_AHEAD = 3  # pieces for each worker that are read before their turn; bounds the memory


@dataclass(frozen=True, slots=True)
class Progress:
    """What one piece adds: its records with findings, what becomes of each record (where that is wanted), and how much was read of all
    files.

    trained: tokens of each record, or UNREAD or REFUSED. left_out: findings of ignored rules, by rule.
    """

    checked: list[Checked]
    outcomes: list[Outcome]
    records: int
    bytes: int
    trained: Sequence[int] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


def check_files(
    paths: Sequence[Path | str],
    settings: Settings,
    workers: int | None = None,
    size: int = SIZE,
    more: Mapping[tuple[str, int], Finding] = MappingProxyType({}),
) -> Generator[Progress, None, None]:
    """Checks the files, yielding piece after piece.

    workers: processes, by default one for each core; 1: this one alone. more: findings known before, by file and number of the record.
    """
    chunks = chain.from_iterable(chunks_of(Path(path), size) for path in paths)
    with ExitStack() as stack:
        near = None if settings.near is None else stack.enter_context(NearSeen(settings.near))
        gather = _Gather(near, more, settings.drop)
        for chunk, examined in stack.enter_context(_examiner(chunks, settings, os.cpu_count() or 1 if workers is None else workers)):
            yield gather.add(chunk, examined)


# ---------------------------------------------------------------------------------------------------------------------


class _Gather:
    """Puts pieces together again: records are counted through each file, and duplicates are found over all files.

    For the search, a record is known by one number: its line (or, where there are none, its own number) after all lines before its file.
    """

    def __init__(self, near: NearSeen | None, more: Mapping[tuple[str, int], Finding], drop: Sequence[str] = ()) -> None:
        self.seen, self.near, self.more, self.drop = Seen(), near, more, drop
        self.asked, self.remembered, self.misplaced = Seen(), 0, Misplaced()
        self.dropped: set[int] = set()  # numbers of records that won't be written, so that none is dropped for being like one of these
        self.file = ""
        self.records = 0  # of this file, before the piece
        self.top = 0  # the highest number yet
        self.starts: list[tuple[int, str]] = []  # the number before each file's first, and its name

    def add(self, chunk: Chunk, examined: Examined) -> Progress:
        if chunk.file != self.file:
            self.file, self.records = chunk.file, 0
            self.starts.append((self.top, chunk.file))
        checked = {c.place.record: Checked(self._move(c.place), c.findings, trained=c.trained) for c in examined.checked}
        start = self.starts[-1][0]
        numbers = [start + (line or self.records + record + 1) for line, record in examined.places]
        dropping: dict[int, list[str]] = {outcome.place.record: list(outcome.dropped) for outcome in examined.outcomes}
        place_of = {record: number for (_, record), number in zip(examined.places, numbers, strict=True)}
        self.dropped |= {place_of[record] for record, reasons in dropping.items() if reasons and record in place_of}
        for nth, finding, first in self._beside_others(chunk, examined, numbers):
            line, record = examined.places[nth]
            # Of an exact copy all holds that holds of the first; one that is only like it stays, if that went.
            if (name := _DROPPED_AS.get(finding.rule, "")) in self.drop and (name == "duplicates" or first not in self.dropped):
                dropping[record].append(name)
                self.dropped.add(numbers[nth])
            before = checked.get(record, Checked(self._move(Place(chunk.file, line, record)), [], trained=max(examined.trained[record], 0)))
            beside = (*before.beside, (finding.rule, first - start)) if first > start else before.beside
            checked[record] = before._replace(findings=sorted([*before.findings, finding], key=rank), beside=beside)
        outcomes = [o._replace(place=self._move(o.place), dropped=tuple(dropping[o.place.record])) for o in examined.outcomes]
        self.top = max(self.top, *numbers) if numbers else self.top
        self.records += examined.records
        prints = dict(zip((record for _, record in examined.places), examined.fingerprints, strict=True)) if checked else {}
        found = [checked[record]._replace(fingerprint=prints.get(record, 0)) for record in sorted(checked)]
        return Progress(found, outcomes, examined.records, len(chunk.lines), examined.trained)

    def _beside_others(self, chunk: Chunk, examined: Examined, numbers: Sequence[int]) -> Iterator[tuple[int, Finding, int]]:
        """What is found out about records by looking at others, with which record of the piece it is, and the number of the other."""
        again = dict(self.seen.add(examined.fingerprints, numbers))
        for nth, first in again.items():
            yield nth, DUPLICATE.finding(Hit(seen=self._name(first, examined.places[nth][0] > 0)), None), first
        told = set(again)
        if self.near is not None:
            # One that is exactly the same is found already.
            texts = [(nth, text) for nth, text in enumerate(examined.near_texts) if text is not None and nth not in again]
            for place, near in self.near.add([text for _, text in texts], [numbers[nth] for nth, _ in texts]):
                nth, alike = texts[place][0], f"{near.similarity:.0%}"
                name = self._name(near.number, examined.places[nth][0] > 0)
                seen = {"en": f"{name['en']}, {alike} alike", "zh": f"{name['zh']}，相似度 {alike}"}
                told.add(nth)
                yield nth, NEAR_DUPLICATE.finding(Hit(seen=seen), None), near.number
        yield from self._by_answers(examined, numbers, told)
        if self.more:
            for nth, (_, record) in enumerate(examined.places):
                if known := self.more.get((chunk.file, self.records + record)):
                    yield nth, known, -1

    def _by_answers(self, examined: Examined, numbers: Sequence[int], known: set[int]) -> Iterator[tuple[int, Finding, int]]:
        """Questions that were answered otherwise before, and answers that fit another question. Copies are known."""
        said = [(nth, found) for nth, found in enumerate(examined.exchanges) if found is not None and nth not in known]
        asked = [(nth, found.question) for nth, found in said if found.question is not None]
        if self.remembered < MOST:
            self.remembered += len(asked)
            for place, first in self.asked.add([question for _, question in asked], [numbers[nth] for nth, _ in asked]):
                nth = asked[place][0]
                yield nth, OTHER_ANSWER.finding(Hit(seen=self._name(first, examined.places[nth][0] > 0)), None), first
        for nth, found in said:
            if (other := self.misplaced.add(numbers[nth], found)) is not None:
                yield nth, MISPLACED.finding(Hit(seen=self._name(other, examined.places[nth][0] > 0)), None), other

    def _move(self, place: Place) -> Place:
        return place._replace(record=place.record + self.records)

    def _name(self, first: int, has_lines: bool) -> Text:
        """Where the record with this number stands."""
        start, file = next(entry for entry in reversed(self.starts) if entry[0] < first)
        name = "" if file == self.file else f" ({file})"
        number = first - start if has_lines else first - start - 1
        return {"en": f"{'line' if has_lines else 'record'} {number}{name}", "zh": f"第 {number} {'行' if has_lines else '条'}{name}"}


@contextmanager
def _examiner(chunks: Iterator[Chunk], settings: Settings, workers: int) -> Iterator[Iterator[tuple[Chunk, Examined]]]:
    # A small file isn't worth a process: look whether there is a second piece.
    first = list(islice(chunks, 2))
    chunks = chain(first, chunks)
    if workers <= 1 or len(first) < 2:
        yield ((chunk, examine(chunk, settings)) for chunk in chunks)
        return
    with worker_pool(workers) as pool:
        yield _in_order(pool, chunks, settings, workers * _AHEAD)


def _in_order(pool: Executor, chunks: Iterator[Chunk], settings: Settings, ahead: int) -> Iterator[tuple[Chunk, Examined]]:
    work = partial(examine, settings=settings)
    waiting: deque[tuple[Chunk, Future[Examined]]] = deque()
    for chunk in chunks:
        if any(isinstance(record, Conversation) and record.captured is not None for record in chunk.records):
            here: Future[Examined] = Future()  # a tokenizer doesn't travel between processes
            here.set_result(work(chunk))
            waiting.append((chunk, here))
        else:
            with deaf_to_ctrl_c():  # this starts the processes, one after the other
                waiting.append((chunk, pool.submit(work, chunk)))
        if len(waiting) >= ahead:
            done, future = waiting.popleft()
            yield done, future.result()
    for chunk, future in waiting:
        yield chunk, future.result()
