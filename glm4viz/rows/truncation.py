"""What a length limit costs: answers, stop tokens, whole samples and trained tokens, for every limit at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError
from glm4viz.labelling.batch import Batch
from glm4viz.labelling.single import label_all
from glm4viz.layout import Message
from glm4viz.reading.verdict import Turn, verdict
from glm4viz.recipe import LabelledSample, Recipe
from glm4viz.rows.collator import Samples
from glm4viz.tokenizer import Tokenizer

Counts = npt.NDArray[np.int64]


class Kept(NamedTuple):
    """answers: assistant messages whose every token is there. stops: trained tokens that end them (not where another
    assistant message follows). samples: those with a trained token. tokens: the trained ones."""

    answers: int
    stops: int
    samples: int
    tokens: int


@dataclass(frozen=True)
class Curve:
    """Kept, for each limit. lengths int64 [M], rising; answers, stops, samples, tokens int64 [M]. The last entry cuts nothing."""

    lengths: Counts
    answers: Counts
    stops: Counts
    samples: Counts
    tokens: Counts

    def at(self, max_length: int) -> Kept:
        """What this limit keeps. Where not every limit was tried, the next smaller one that was."""
        row = int(np.searchsorted(self.lengths, max_length, side="right")) - 1
        if row < 0:
            return Kept(0, 0, 0, 0)
        return Kept(*(int(column[row]) for column in (self.answers, self.stops, self.samples, self.tokens)))

    @property
    def whole(self) -> Kept:
        """What there is without a limit."""
        return self.at(int(self.lengths[-1])) if len(self.lengths) else Kept(0, 0, 0, 0)

    @property
    def enough(self) -> int:
        """The smallest limit from which on nothing is lost; 0 if there is nothing to lose."""
        columns = [column for column in (self.answers, self.stops, self.samples, self.tokens) if len(column) and column[-1]]
        return max(
            (int(self.lengths[np.flatnonzero(column != column[-1])[-1:] + 1].max(initial=self.lengths[0])) for column in columns), default=0
        )

    @property
    def boundaries(self) -> list[int]:
        """The limits from which on one answer, stop token or sample more is kept. (Or one less: some systems cut the start.)"""
        changed = np.zeros(len(self.lengths), bool)
        for column in (self.answers, self.stops, self.samples):
            changed |= np.diff(column, prepend=0) != 0
        return [int(length) for length in self.lengths[changed]]


def truncation_curve(samples: Samples) -> Curve:
    """For every limit from 1 to the longest sample, what is left when each sample keeps its first tokens only.

    Exact for the systems that cut right (GLM-4, ChatGLM3, XTuner, Firefly, TRL); for others see `curve_by_labelling`. Give samples that
    aren't cut.
    """
    tally = Tally()
    for i in range(len(samples)):
        tally.add(samples[i])
    return tally.curve()


class Tally:
    """The same for any number of samples, one after the other, in four numbers for each limit up to the longest sample.

    Each answer, stop token, sample and trained token counts from the limit that first keeps it.
    """

    def __init__(self) -> None:
        self.longest = 0
        self.events = np.zeros((4, 1024), np.int64)  # by kind and limit

    def add(self, sample: LabelledSample) -> None:
        """Counts one sample that isn't cut."""
        self.longest = max(self.longest, len(sample))
        if self.longest >= self.events.shape[1]:
            grown = np.zeros((4, 2 * self.longest), np.int64)
            grown[:, : self.events.shape[1]] = self.events
            self.events = grown
        answers, stops = _turn_events(sample)
        tokens = np.flatnonzero(sample.trained) + 1
        for kind, found in zip(self.events, (answers, stops, tokens[:1], tokens), strict=True):
            np.add.at(kind, np.asarray(found, np.int64), 1)

    def curve(self) -> Curve:
        """The curve of all that was counted."""
        return Curve(np.arange(1, self.longest + 1), *np.cumsum(self.events[:, 1 : self.longest + 1], axis=1))


def _turn_events(sample: LabelledSample) -> tuple[list[int], list[int]]:
    """The limits from which on each answer is whole, and from which on each trained stop token is there."""
    last = np.full(len(sample.messages) + 1, -1)
    np.maximum.at(last, sample.message_index, np.arange(len(sample)))
    whole = [turn for turn in verdict(sample).turns if turn.state == "whole"]
    answers = [int(last[turn.message]) + 1 for turn in whole]
    stops = [max(int(last[turn.message]), turn.stop) + 1 for turn in whole if turn.stop is not None and _stops(turn)]
    return answers, stops


def _stops(turn: Turn) -> bool:
    return turn.stop_trained and not turn.hands_over


def kept(samples: Iterable[LabelledSample]) -> Kept:
    """The same counts of samples as they are."""
    found = [verdict(sample) for sample in samples]
    turns = [turn for verdict in found for turn in verdict.turns]
    return Kept(
        answers=sum(turn.state == "whole" for turn in turns),
        stops=sum(map(_stops, turns)),
        samples=sum(verdict.trained > 0 for verdict in found),
        tokens=sum(verdict.trained for verdict in found),
    )


def curve_by_labelling(
    conversations: Sequence[Conversation | Sequence[Message]],
    recipe: Recipe,
    lengths: Sequence[int],
    tokenizer: Tokenizer | None = None,
) -> Curve:
    """The curve of any recipe with one limit, by labelling anew for each of `lengths` (rising). What it refuses is kept by none."""
    rows = [kept(label_or_drop(conversations, recipe, length, tokenizer)) for length in lengths]
    columns = np.array(rows, np.int64).reshape(len(rows), len(Kept._fields)).T
    return Curve(np.array(lengths, np.int64), *columns)


def label_or_drop(
    conversations: Sequence[Conversation | Sequence[Message]], recipe: Recipe, max_length: int | None, tokenizer: Tokenizer | None = None
) -> list[LabelledSample]:
    """The samples of all conversations but those that the recipe refuses at this limit."""
    samples: list[LabelledSample] = []
    for conversation in conversations:
        try:
            samples += label_all(conversation, recipe, tokenizer, max_length)
        except Glm4vizError:
            continue
    return samples


def cut(samples: Samples, max_length: int) -> list[LabelledSample]:
    """Each sample's first `max_length` tokens."""
    return [sample.take(np.arange(min(max_length, len(sample)))) for sample in (samples[i] for i in range(len(samples)))]


# ---------------------------------------------------------------------------------------------------------------------


class Loss(NamedTuple):
    """What one sample loses. sample: its index. tokens, trained: how many go. answers, stops: the messages whose content, or whose
    trained stop token, isn't all there any more. dead: it had trained tokens and now has none."""

    sample: int
    tokens: int
    trained: int
    answers: tuple[int, ...]
    stops: tuple[int, ...]
    dead: bool


def what_dies(samples: Samples, max_length: int) -> list[Loss]:
    """What each sample loses when it is cut to `max_length`; samples that lose nothing are left out."""
    whole = list(samples) if not isinstance(samples, Batch) else [samples[i] for i in range(len(samples))]
    return losses(whole, cut(whole, max_length))


def losses(before: Sequence[LabelledSample], after: Sequence[LabelledSample | None]) -> list[Loss]:
    """What each sample loses from one labelling to another; None: the system refuses it."""
    found = []
    for i, (whole, rest) in enumerate(zip(before, after, strict=True)):
        was, now = verdict(whole), verdict(rest) if rest is not None else None
        turns = now.turns if now else (None,) * len(was.turns)
        loss = Loss(
            sample=i,
            tokens=was.tokens - (now.tokens if now else 0),
            trained=was.trained - (now.trained if now else 0),
            answers=tuple(
                a.message for a, b in zip(was.turns, turns, strict=True) if a.state == "whole" and not (b and b.state == "whole")
            ),
            stops=tuple(a.message for a, b in zip(was.turns, turns, strict=True) if _stops(a) and not (b and _stops(b))),
            dead=was.trained > 0 and not (now and now.trained),
        )
        if loss.tokens > 0 or loss.trained > 0 or loss.answers or loss.stops or loss.dead:
            found.append(loss)
    return found
