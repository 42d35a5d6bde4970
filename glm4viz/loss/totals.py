"""What a whole file costs: by role, part and turn; its worst records and tokens; and what the numbers are worth.

Totals of several stretches of a file add up to those of the file, and go through JSON without loss, so that a run can be taken up again.
"""

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from glm4viz.errors import ModelError, ReadError, VocabularyMismatch
from glm4viz.loss.file import RecordLosses
from glm4viz.loss.results import TokenLosses
from glm4viz.loss.rows import Row, row_of
from glm4viz.loss.spikes import CAUSES, HIGH, WHAT, Spike, find_spikes
from glm4viz.loss.summary import doubts
from glm4viz.loss.sums import Counted, Sums, label_parts, ratio, role_names
from glm4viz.recipe import LabelledSample
from glm4viz.texts import Text, both, fill

By = Literal["role", "part", "turn"]
BYS: tuple[By, ...] = ("role", "part", "turn")
TURNS = 16  # turns that are told apart; later ones count as this one
WORST = 10
SPIKES = both(
    "{what}: up to {worst:.1f} nats, in record {record} ({times:,} at {high:.0f} or more, in {records:,} records). Such a loss on a token of "
    "the template is a fault of the template, not of the data. {cause}",
    "{what}：最高 {worst:.1f} nat，在记录 {record}（{records:,} 条记录中有 {times:,} 处达到 {high:.0f} 以上）。模板 token 有这样的损失，是模板的问题，"
    "不是数据的问题。{cause}",
)


class Kind(NamedTuple):
    """One kind of template token that the model finds all but impossible, over a file."""

    times: int
    records: int
    worst: float
    record: int  # in which the worst one is

    def joined(self, other: "Kind") -> "Kind":
        worse = max(self, other, key=lambda kind: kind.worst)
        return Kind(self.times + other.times, self.records + other.records, worse.worst, worse.record)


@dataclass(slots=True)
class Totals:
    """records: all; unread, refused (by the recipe), failed (the model can't take it): those without a loss, one in one of them.

    groups: sums by role whose generation is taught, by part (END ends an answer), and by turn, which begins with a question.
    nats, predicted, entropy, measured: sums over all tokens but each sample's first, with how many they are.
    worst_records: rows with the highest mean; worst_tokens: rows with the highest single loss. Both worst first.
    """

    records: int = 0
    unread: int = 0
    refused: int = 0
    failed: int = 0
    samples: int = 0
    tokens: int = 0
    all: Sums = field(default_factory=Sums)
    groups: dict[By, dict[str, Sums]] = field(default_factory=lambda: {by: {} for by in BYS})
    nats: float = 0.0
    predicted: int = 0
    entropy: float = 0.0
    measured: int = 0
    rows: int = 0  # of the model's vocabulary
    spikes: dict[str, Kind] = field(default_factory=dict)
    notes: list[Text] = field(default_factory=list)
    worst_records: list[Row] = field(default_factory=list)
    worst_tokens: list[Row] = field(default_factory=list)

    @property
    def bad(self) -> int:
        """Records without a loss."""
        return self.unread + self.refused + self.failed

    @property
    def warnings(self) -> tuple[Text, ...]:
        """Why the numbers say nothing; empty for a model that knows something of the text."""
        mean = self.all.mean if self.all.trained else ratio(self.nats, self.predicted)
        return doubts(mean, ratio(self.entropy, self.measured), self.rows)

    def faults(self) -> list[Text]:
        """Faults of the template, the worst first; none where the numbers say nothing."""
        if self.warnings:
            return []
        found = sorted(self.spikes.items(), key=lambda item: -item[1].worst)
        return [fill(SPIKES, what=WHAT[kind], cause=CAUSES[kind], high=HIGH, **of._asdict()) for kind, of in found]

    def merge(self, other: "Totals") -> None:
        """Adds those of what comes later in the file."""
        for name in ("records", "unread", "refused", "failed", "samples", "tokens", "all", "nats", "predicted", "entropy", "measured"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rows = max(self.rows, other.rows)
        for by, groups in other.groups.items():
            for name, sums in groups.items():
                self.groups[by][name] = self.groups[by].get(name, Sums()) + sums
        for kind, of in other.spikes.items():
            self.spikes[kind] = self.spikes[kind].joined(of) if kind in self.spikes else of
        self.notes += [note for note in other.notes if note not in self.notes]
        self.worst_records = _worst([*self.worst_records, *other.worst_records], "loss_mean")
        self.worst_tokens = _worst([*self.worst_tokens, *other.worst_tokens], "loss_max")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Totals":
        groups = {by: {name: Sums(**sums) for name, sums in value["groups"][by].items()} for by in BYS}
        spikes = {kind: Kind(*of) for kind, of in value["spikes"].items()}
        return cls(**value | {"all": Sums(**value["all"]), "groups": groups, "spikes": spikes})


def in_order(groups: dict[str, Sums], by: By) -> list[tuple[str, Sums]]:
    """Turns by number, all else by loss, the most first. Groups of nothing are left out."""
    held = [(name, sums) for name, sums in groups.items() if sums.trained or sums.ordinary]
    return sorted(held, key=(lambda item: float(item[0])) if by == "turn" else (lambda item: -item[1].loss))


def count(record: RecordLosses) -> tuple[Row, Totals]:
    """One record's row, and its totals."""
    error, row = record.error, row_of(record)
    if error is not None:
        unread, failed = isinstance(error, ReadError), isinstance(error, ModelError | VocabularyMismatch)
        return row, Totals(records=1, unread=int(unread), failed=int(failed), refused=int(not unread and not failed))
    found = Totals(records=1, samples=len(record.samples), tokens=row["tokens"], worst_records=[row], worst_tokens=[row])
    for sample, losses in zip(record.samples, record.losses, strict=True):
        _add_groups(found, sample, Counted.of(sample, losses))
        _add_worth(found, losses)
        for spike in find_spikes(sample, losses):
            kind = _kind(spike, record.number)
            known = found.spikes.get(spike.kind)
            found.spikes[spike.kind] = known.joined(kind)._replace(records=1) if known else kind
    return row, found


# ---------------------------------------------------------------------------------------------------------------------


def _kind(spike: Spike, record: int) -> Kind:
    return Kind(spike.count, 1, spike.worst, record)


def _add_worth(found: Totals, losses: TokenLosses) -> None:
    nll, entropy = (column[~np.isnan(column)] for column in (losses.nll, losses.entropy))
    found.nats += float(nll.sum(dtype=np.float64))
    found.predicted += len(nll)
    found.entropy += float(entropy.sum(dtype=np.float64))
    found.measured += len(entropy)
    found.rows = losses.rows
    found.notes += [note for note in losses.notes if note not in found.notes]


def _add_groups(found: Totals, sample: LabelledSample, counted: Counted) -> None:
    everything = np.ones(len(sample), bool)
    found.all += counted.within(everything, everything)
    turns = np.array([*_turns(sample), 0])
    columns = {
        "role": (role_names(sample)[sample.owner], sample.roles),
        "part": (label_parts(sample), sample.parts),
        "turn": (turns[sample.owner], turns[sample.message_index]),
    }
    for by in BYS:
        of_label, of_token = columns[by]
        for name in np.union1d(of_label[counted.labelled], of_token[counted.text]).tolist():
            sums = counted.within(of_label == name, of_token == name)
            groups = found.groups[by]
            groups[str(name)] = groups.get(str(name), Sums()) + sums


def _turns(sample: LabelledSample) -> Iterator[int]:
    """Of each message, from 1: every question begins one, and what stands before the first question belongs to it."""
    turn = 0
    for message in sample.messages:
        turn += message["role"] == "user"
        yield min(max(turn, 1), TURNS)


def _worst(rows: Iterable[Row], column: str) -> list[Row]:
    """The rows with the highest numbers; of equals the earlier first."""
    known = [row for row in rows if row[column] is not None and math.isfinite(row[column])]
    return heapq.nsmallest(WORST, known, key=lambda row: (-row[column], row["record"]))
