"""What a check has found in all: counts, what hurts most, what is a fact of the whole file, and the worst records."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from glm4viz.check.examine import WHOLE_FILE, Checked, Place
from glm4viz.check.measure import REFUSED, UNREAD
from glm4viz.check.run import Progress
from glm4viz.linter import RULES, SEVERITIES, Finding, Severity
from glm4viz.texts import Text, both

WORST = 20
MOST_OF_IT, FEWEST = 0.95, 20  # a rule that finds something in so many of so many records or more tells of the file, not of records

_NULLS = both(
    "Likely cause: a column of the table (Parquet, Arrow, pandas, CSV) was filled up with nulls where records had no such key; whoever "
    "writes the file should leave the key out.",
    "可能的原因：表格（Parquet、Arrow、pandas、CSV）的这一列在没有该键的记录里被填成了 null；写文件时应省去这个键。",
)
_RECIPE = both(
    "Likely cause: the recipe or its limit, not the records; compare with another recipe before changing data.",
    "可能的原因：配方或它的长度上限，而不是记录本身；修改数据之前请先与别的配方比较。",
)
_EXPORT = both(
    "Likely cause: the program that wrote the file; mend it there, once.",
    "可能的原因：写出这个文件的程序；请在那里一次改好。",
)


class Found(NamedTuple):
    """What one rule found. severity: the worst of its findings; hurt: trained tokens of the records in which it found something."""

    rule: str
    severity: Severity
    findings: int
    records: int
    hurt: int


@dataclass(slots=True)
class Summary:
    """records: how many there were, readable or not; trained: tokens that are trained in them; bad_records: those with findings."""

    records: int = 0
    bad_records: int = 0
    unread: int = 0
    refused: int = 0
    trained: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    severities: Counter[str] = field(default_factory=Counter)
    worst: list[Checked] = field(default_factory=list)
    about_all: list[tuple[Place, Finding]] = field(default_factory=list)  # of the config or of a whole file
    gravest: dict[str, Severity] = field(default_factory=dict)  # the worst severity with which each rule found something
    hit: Counter[str] = field(default_factory=Counter)  # records in which each rule found something
    hurt: Counter[str] = field(default_factory=Counter)  # trained tokens of these records
    left_out: Counter[str] = field(default_factory=Counter)  # findings of ignored rules

    def rules(self) -> list[Found]:
        """What each rule found: by severity, then by how many trained tokens it hurts, then by count."""
        found = [Found(id, self.gravest[id], self.findings[id], self.hit[id], self.hurt[id]) for id in RULES if self.findings[id]]
        return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), -one.hurt, -one.findings))

    def whole(self) -> list[Found]:
        """The rules that tell of the file, not of its records."""
        return [found for found in self.rules() if is_whole(found.records, self.records)]

    def counts(self) -> list[tuple[str, int]]:
        """Rules and how often each found something, in the order of `rules`."""
        return [(found.rule, found.findings) for found in self.rules()]

    @property
    def spotless(self) -> bool:
        """Nothing was found, in at least one record, all of them read and labelled; and nothing that was found is ignored."""
        return bool(self.records) and not (self.findings or self.unread or self.refused or self.left_out)

    def add(self, checked: Checked) -> None:
        self.findings.update(finding.rule for finding in checked.findings)
        self.severities.update(finding.severity for finding in checked.findings)
        for finding in checked.findings:
            known = self.gravest.get(finding.rule, finding.severity)
            self.gravest[finding.rule] = min(known, finding.severity, key=SEVERITIES.index)
        if checked.place.record == WHOLE_FILE:
            self.about_all += [(checked.place, finding) for finding in checked.findings]
            return
        self.bad_records += 1
        for rule in {finding.rule for finding in checked.findings}:
            self.hit[rule] += 1
            self.hurt[rule] += checked.trained


def is_whole(found: int, records: int) -> bool:
    """Whether a rule that found something in so many records tells of the file."""
    return records >= FEWEST and found >= MOST_OF_IT * records


def likely_cause(rule: str) -> Text:
    """Why a rule may find something in a whole file."""
    if rule.startswith("null-"):
        return _NULLS
    return _RECIPE if RULES[rule].labelled or rule == "recipe-refuses" else _EXPORT


def on_no_record(file: str, findings: Iterable[Finding]) -> Iterator[Progress]:
    """Findings on no record of a check, such as those on its config, as the piece before all others."""
    known = list(findings)
    if known:
        yield Progress([Checked(Place(file, 0, WHOLE_FILE), known)], [], 0, 0)


def leave_out(pieces: Iterable[Progress], ignored: Collection[str]) -> Iterator[Progress]:
    """The pieces without findings of ignored rules, which are counted."""
    for piece in pieces:
        left_out = Counter(finding.rule for checked in piece.checked for finding in checked.findings if finding.rule in ignored)
        if left_out:
            rest = (c._replace(findings=[finding for finding in c.findings if finding.rule not in ignored]) for c in piece.checked)
            piece = replace(piece, checked=[checked for checked in rest if checked.findings], left_out=left_out)
        yield piece


def summarise(pieces: Iterable[Progress]) -> Summary:
    """Runs a check to its end. Keeps counts and the worst records, whose number is bounded."""
    summary, worst = Summary(), _Worst()
    for piece in pieces:
        summary.records += piece.records
        summary.left_out.update(piece.left_out)
        summary.unread += sum(count == UNREAD for count in piece.trained)
        summary.refused += sum(count == REFUSED for count in piece.trained)
        summary.trained += sum(count for count in piece.trained if count > 0)
        for checked in piece.checked:
            summary.add(checked)
        worst.leave_out({found.rule for found in summary.whole()})
        for checked in piece.checked:
            if checked.place.record != WHOLE_FILE:
                worst.add(checked)
    summary.worst = worst.found()
    return summary


class _Worst:
    """The worst records, as to what isn't a fact of the whole file."""

    def __init__(self) -> None:
        self.heap: list[tuple[tuple[int, ...], int, Checked]] = []
        self.count, self.left_out = 0, set[str]()

    def leave_out(self, rules: set[str]) -> None:
        """Rules that, as it looks now, tell of the file."""
        if rules == self.left_out:
            return
        self.left_out = rules
        self.heap = [(weight, nth, checked) for _, nth, checked in self.heap if any(weight := self._weight(checked))]
        heapq.heapify(self.heap)

    def add(self, checked: Checked) -> None:
        self.count += 1
        weight = self._weight(checked)
        if not any(weight):
            return
        # Counted down, so that among equals the first record in the file stays.
        heapq.heappush(self.heap, (weight, -self.count, checked))
        if len(self.heap) > WORST:
            heapq.heappop(self.heap)

    def found(self) -> list[Checked]:
        ordered = sorted(self.heap, key=lambda entry: entry[:2], reverse=True)
        return [checked._replace(findings=[f for f in checked.findings if f.rule not in self.left_out]) for *_, checked in ordered]

    def _weight(self, checked: Checked) -> tuple[int, ...]:
        counts = Counter(finding.severity for finding in checked.findings if finding.rule not in self.left_out)
        return tuple(counts[severity] for severity in SEVERITIES)
