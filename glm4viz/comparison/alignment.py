"""The contents of the messages, aligned by bytes: which recipe does what with each stretch of text.

Systems cut the same text into different tokens, so tokens can't be laid side by side. Bytes can: a row is a stretch of one
message's content that no recipe's token boundary divides. What is not content (tags, headers, ends) stands in slots.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from glm4viz.comparison.slots import ABSENT, STATES, Codes, states_of
from glm4viz.recipe import LabelledSample
from glm4viz.tokenizer import Ids


class Row(NamedTuple):
    """Bytes start … stop - 1 of one message's content, and their state under each recipe."""

    message: int
    start: int
    stop: int
    bytes: bytes
    states: dict[str, str]

    @property
    def text(self) -> str:
        return self.bytes.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Rows(Sequence[Row]):
    """All rows in reading order, kept as columns: message, start, stop int32 [rows]; states uint8 [rows, recipes], codes of STATES.

    tokens int32 [rows, recipes]: the token that holds the row, counted through all samples of the recipe; -1 where absent.
    """

    ids: tuple[str, ...]
    contents: tuple[bytes, ...]
    message: Ids
    start: Ids
    stop: Ids
    states: Codes
    tokens: Ids

    def __len__(self) -> int:
        return len(self.message)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        m, start, stop = int(self.message[index]), int(self.start[index]), int(self.stop[index])
        states = {id: STATES[code] for id, code in zip(self.ids, self.states[index].tolist(), strict=True)}
        return Row(m, start, stop, self.contents[m][start:stop], states)

    def __iter__(self) -> Iterator[Row]:
        return (self[i] for i in range(len(self)))

    def stretches(self) -> npt.NDArray[np.intp]:
        """The rows at which the message or any state changes: between two of them all is alike."""
        if not len(self):
            return np.zeros(0, np.intp)
        alike = (self.message[1:] == self.message[:-1]) & (self.states[1:] == self.states[:-1]).all(axis=1)
        return np.flatnonzero(np.concatenate([[True], ~alike]))


def align(ids: tuple[str, ...], contents: list[bytes], all_samples: Mapping[str, list[LabelledSample]]) -> Rows:
    """Cut the contents, laid end to end, at every token boundary of every recipe; then look up who holds each piece."""
    ends = np.cumsum([len(content) for content in contents], dtype=np.int64)
    bases = np.concatenate([[0], ends])
    held = [[_holds(sample, bases) for sample in samples] for samples in all_samples.values()]
    is_cut = np.zeros(int(bases[-1]) + 1, bool)
    is_cut[bases] = True
    for start, stop, _ in (part for parts in held for part in parts):
        is_cut[start] = is_cut[stop] = True
    cuts = np.flatnonzero(is_cut)
    starts, stops = cuts[:-1], cuts[1:]
    message = np.searchsorted(ends, starts, side="right")
    states, tokens = np.zeros((len(starts), len(ids)), np.uint8), np.full((len(starts), len(ids)), -1, np.int32)
    for r, id in enumerate(ids):
        first = 0
        for sample, (start, stop, token) in zip(all_samples[id], held[r], strict=True):
            at = np.searchsorted(start, starts, side="right") - 1
            found = (at >= 0) & (stop[at] > starts) if len(start) else np.zeros(len(starts), bool)
            here = np.where(found, token[at], 0) if len(start) else np.zeros(len(starts), np.int64)
            state = np.where(found, states_of(sample)[here], ABSENT) if len(sample) else np.zeros(len(starts), np.uint8)
            better = state > states[:, r]
            states[better, r], tokens[better, r] = state[better], here[better] + first
            first += len(sample)
    origin = bases[message]
    return Rows(
        ids,
        tuple(contents),
        message.astype(np.int32),
        (starts - origin).astype(np.int32),
        (stops - origin).astype(np.int32),
        states,
        tokens,
    )


def _holds(sample: LabelledSample, bases: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """start, stop and token, sorted: which bytes of the contents, laid end to end, each token holds."""
    token = np.flatnonzero(sample.spans[:, 0] >= 0)
    span, origin = sample.spans[token], bases[sample.message_index[token]]
    start, stop = span[:, 0] + origin, span[:, 1] + origin
    # Where contents are joined without anything between, a token may hold the end of one and the beginning of the next.
    after = np.minimum(token + 1, len(sample) - 1)
    into = (sample.message_index[after] != sample.message_index[token]) & (sample.spans[after, 0] > 0)
    into &= sample.tokenizer.token_sizes(sample.input_ids[token]) - (stop - start) == sample.spans[after, 0]
    begin = bases[sample.message_index[after[into]]]
    start, stop = np.append(start, begin), np.append(stop, begin + sample.spans[after[into], 0])
    token = np.append(token, token[into])
    order = np.argsort(start, kind="stable")
    return start[order], stop[order], token[order]
