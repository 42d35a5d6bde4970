"""What came of a dataset's check: columns of numbers in memory, texts in files, a record read only when somebody looks at it."""

import json
import mmap
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.check.measure import UNWRITABLE
from glm4viz.check.summary import is_whole
from glm4viz.conversation import ALL_ROLES, Conversation
from glm4viz.errors import ReadError
from glm4viz.labelling.single import label_all
from glm4viz.linter import RULES, SEVERITIES, Rule, Severity
from glm4viz.readers import read_conversations
from glm4viz.reading.verdict import Share, shares
from glm4viz.recipe import Mask, MaxLength
from glm4viz.systems.registry import get_recipe
from glm4viz.ui.dataset.work import COLUMNS, FINDINGS, OF_FINDINGS, RECORDS

LOOKED_AT = 2_000  # records whose tokens are told apart by role; more are spread evenly over the file
SHOWN = 100  # characters of a record in a table
ALL_RULES: tuple[Rule, ...] = tuple(RULES.values())
Numbers = npt.NDArray[np.int64]


class Folder:
    """A temporary folder that goes when nobody holds it any more: with the visit, or with the result it belongs to."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="glm4viz-"))
        self._gone = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class Source:
    """A file to check. `stamp` changes with its content; `folder` holds a file that was uploaded."""

    name: str
    path: Path
    stamp: str
    folder: Folder | None = None


class Found(NamedTuple):
    """What one rule found. severity: the worst of its findings, some of which may be milder.

    hurt: trained tokens of the records in which it found something. whole: it tells of the file, not of its records.
    """

    rule: int
    severity: Severity
    findings: int
    records: int
    hurt: int
    whole: bool


@dataclass(frozen=True, eq=False)
class Report:
    """One check of one source.

    Columns of records: line, offset (where its text begins), full, kept and trained (tokens; -1 if it can't be read). Columns of findings,
    in the order of their records: rule and severity (numbers), record, message, start and stop (tokens), text (where it begins), beside
    (the line, or else the number from 1, of the other record that it is about; 0 if there is none).

    whole: the report of which this one leaves findings out; ignored: the rules (numbers) whose findings those are.
    """

    source: Source
    folder: Folder
    recipe: str
    max_length: MaxLength
    columns: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    whole: "Report | None" = None
    ignored: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.columns:
            with np.load(self.folder.path / COLUMNS) as columns:
                self.columns.update(columns)

    def without(self, ignored: Sequence[int]) -> "Report":
        """The same without the findings of these rules."""
        kept = ~np.isin(self["rule"], ignored)
        columns = self.columns | {name: self[name][kept] for name in OF_FINDINGS}
        return replace(self, columns=columns, whole=self, ignored=tuple(ignored))

    @property
    def left_out(self) -> int:
        """How many findings of ignored rules are left out."""
        return 0 if self.whole is None else self.whole.findings - self.findings

    def __len__(self) -> int:
        return len(self.columns["line"])

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.columns[name]

    @property
    def findings(self) -> int:
        return len(self.columns["rule"])

    @property
    def readable(self) -> Mask:
        readable: Mask = np.greater_equal(self["full"], 0)
        return readable

    @property
    def refused(self) -> Mask:
        """Records of which the recipe makes no sample."""
        refused: Mask = np.equal(self["kept"], 0)
        return refused

    @cached_property
    def hidden(self) -> Mask:
        """bool [records]: those of which findings are left out."""
        mask = np.zeros(len(self), bool)
        if self.whole is not None:
            mask[self.whole["record"][np.isin(self.whole["rule"], self.ignored)]] = True
        return mask

    @cached_property
    def of_file(self) -> Mask:
        """bool [findings]: those of rules that tell of the file."""
        mask: Mask = np.isin(self["rule"], [found.rule for found in self.rules() if found.whole])
        return mask

    @cached_property
    def own_counts(self) -> npt.NDArray[np.int32]:
        """As `counts`, without what tells of the file."""
        return self._count(~self.of_file)

    @cached_property
    def counts(self) -> npt.NDArray[np.int32]:
        """int32 [severities, records]: how many findings of each severity a record has."""
        return self._count(np.ones(self.findings, bool))

    def _count(self, which: Mask) -> npt.NDArray[np.int32]:
        size = len(self)
        codes = self["severity"][which].astype(np.int64) * size + self["record"][which]
        return np.bincount(codes, minlength=len(SEVERITIES) * size).reshape(len(SEVERITIES), size).astype(np.int32)

    @cached_property
    def shares(self) -> tuple[list[Share], int]:
        """Tokens and trained tokens of each role, and of how many records."""
        if self.whole is not None:
            return self.whole.shares
        readable = np.flatnonzero(self.readable)
        chosen = readable[np.unique(np.linspace(0, len(readable) - 1, min(len(readable), LOOKED_AT)).astype(np.int64))]
        recipe, tokens, looked_at = get_recipe(self.recipe), np.zeros((len(ALL_ROLES) + 1, 3)), 0
        for record in self.read(chosen):
            try:
                samples = label_all(record, recipe, max_length=self.max_length) if isinstance(record, Conversation) else []
            except UNWRITABLE:
                continue
            looked_at += bool(samples)
            for share in (share for sample in samples for share in shares(sample)):
                tokens[(*ALL_ROLES, "").index(share.role)] += share.tokens, share.trained, share.weight
        rows = zip((*ALL_ROLES, ""), tokens.tolist(), strict=True)
        found = [Share(-1, role, int(all), int(trained), weight) for role, (all, trained, weight) in rows]
        return found, looked_at

    def rules(self) -> list["Found"]:
        """What each rule found: by severity, then by how many trained tokens it hurts, then by count."""
        rule = self["rule"]
        pairs, at = np.unique(np.stack([rule, self["record"]]), axis=1)
        findings, records = (np.bincount(column, minlength=len(ALL_RULES)) for column in (rule, pairs))
        hurt = np.bincount(pairs, np.maximum(self["trained"][at], 0), len(ALL_RULES)).astype(np.int64)
        severity = np.full(len(ALL_RULES), len(SEVERITIES))
        np.minimum.at(severity, rule, self["severity"])
        present = np.flatnonzero(findings)
        order = present[np.lexsort((-findings[present], -hurt[present], severity[present]))]
        columns = (findings, records, hurt)
        numbers = [(code, *(int(column[code]) for column in columns)) for code in order.tolist()]
        return [Found(code, SEVERITIES[severity[code]], n, of, lost, is_whole(of, len(self))) for code, n, of, lost in numbers]

    def other(self, finding: int) -> int | None:
        """The other record that this finding is about, such as the one of which it is a copy; None if there is none."""
        place, line = int(self["beside"][finding]), self["line"]
        if not place:
            return None
        if not line[self["record"][finding]]:
            return place - 1
        found = np.flatnonzero(line == place)
        return int(found[0]) if len(found) else None

    # Texts ------------------------------------------------------------------------------------------------------------

    def sentences(self, findings: Iterable[int], language: str) -> list[str]:
        """What each finding says of its record."""
        which, texts = int(language == "zh"), []
        with (self.folder.path / FINDINGS).open("rb") as file:
            for place in self["text"][list(findings)].tolist():
                file.seek(place)
                texts.append(str(json.loads(file.readline())[which]))
        return texts

    @property
    def _text_path(self) -> Path:
        return self.source.path if self["by_lines"] else self.folder.path / RECORDS

    def _bounds(self, record: int) -> tuple[int, int, int]:
        """Where the record's text begins and ends, and the how-manieth record of that text it is."""
        offsets = self["offset"]
        first, after = np.searchsorted(offsets, offsets[record], "left"), np.searchsorted(offsets, offsets[record], "right")
        return int(offsets[record]), int(offsets[after]) if after < len(offsets) else -1, record - int(first)

    def _text(self, start: int, stop: int) -> bytes:
        with self._text_path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start if stop >= 0 else -1)

    def read(self, records: Iterable[int]) -> Iterator[Conversation | ReadError]:
        """The records as the reader has them; each text is read once for all the records that stand in it."""
        last, known = -1, list[Conversation | ReadError]()
        for record in records:
            start, stop, nth = self._bounds(int(record))
            if start != last:
                last, known = start, list(read_conversations(self._text(start, stop)))
            yield known[nth] if nth < len(known) else ReadError("", "")

    def beginnings(self, records: Sequence[int]) -> list[str]:
        """How each record begins: its first question, or else its first text; as it stands if it can't be read."""
        texts = []
        for nth, record in zip(records, self.read(records), strict=True):
            text = _first_words(record) if isinstance(record, Conversation) else self.as_pasted(nth)[:SHOWN]
            texts.append(" ".join(text[:SHOWN].split()))
        return texts

    def as_pasted(self, record: int) -> str:
        """The record as one would paste it: its own JSON indented, or its text as it stands if it can't be read."""
        start, stop, nth = self._bounds(record)
        text = self._text(start, stop)
        if not text.strip():
            text = self._lines(record)
        known = list(read_conversations(text))
        if len(known) > 1 and nth < len(known):
            found = known[nth]
            if isinstance(found, Conversation):
                return json.dumps({"messages": found.messages}, ensure_ascii=False, indent=2, default=str)
        try:
            return json.dumps(json.loads(text.decode("utf-8-sig")), ensure_ascii=False, indent=2)
        except (ValueError, RecursionError):
            return text.decode("utf-8", "replace").strip()

    def _lines(self, record: int) -> bytes:
        """The lines of the file from a record that couldn't be read to the next."""
        lines = self["line"]
        start, later = int(lines[record]), lines[lines > lines[record]]
        if not start or not self.source.path.is_file():
            return b""
        with self.source.path.open("rb") as file:
            return b"".join(islice(file, start - 1, int(later.min()) - 1 if len(later) else start + 1_000))

    def find(self, needle: str) -> Mask:
        """Which records hold this text, in either case; JSON may have its letters escaped."""
        found = np.zeros(len(self), bool)
        forms = {json.dumps(needle, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogatepass") for ascii_only in (False, True)}
        pattern, offsets = re.compile(b"|".join(map(re.escape, sorted(forms))), re.IGNORECASE), self["offset"]
        path = self._text_path
        if not path.stat().st_size:
            return found
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            at = 0
            while hit := pattern.search(text, at):
                after = int(np.searchsorted(offsets, hit.start(), "right"))
                found[int(np.searchsorted(offsets, offsets[max(after - 1, 0)], "left")) : after] = True
                if after >= len(offsets):
                    break
                at = int(offsets[after])
        return found


def _first_words(record: Conversation) -> str:
    texts = [message["content"] for message in sorted(record.messages, key=lambda m: m["role"] != "user") if message["content"]]
    return str((texts or [""])[0])
