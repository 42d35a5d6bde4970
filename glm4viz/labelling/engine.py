"""The one engine behind every recipe: pieces in, encoded rows out, in one call to the tokenizer however many there are.

A row is a run of *entries*. An entry is a frame (fixed token ids, and whether a text follows) and that text. Frames are few
and shared, so what a batch of thousands costs per message is one small integer and one reference to the content.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from glm4viz.layout import Made, Message, Piece, Writer
from glm4viz.recipe import IGNORE, Mask, Recipe, Rows
from glm4viz.tokenizer import Ids, Offsets, Tokenizer


class Frame(NamedTuple):
    """The constant side of an entry: ids that stand before the text, the mask of all, and another label for the first id."""

    head: tuple[int, ...]
    has_text: bool
    mask: bool
    label: int | None = None


@dataclass(slots=True)
class Entries:
    """Rows under construction: a frame code per entry, the texts of those that have one, and how many entries each row has."""

    frames: dict[Frame, int] = field(default_factory=dict)
    codes: "array[int]" = field(default_factory=lambda: array("H"))
    texts: list[str] = field(default_factory=list)
    row_sizes: list[int] = field(default_factory=list)
    made: dict[int, Made] = field(default_factory=dict)  # by the number of the text; that one is empty

    def code(self, frame: Frame) -> int:
        return self.frames.setdefault(frame, len(self.frames))

    def add_row(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self.codes.append(self.code(_frame(piece)))
            if piece.made is not None:
                self.made[len(self.texts)] = piece.made
                self.texts.append("")
            elif piece.token < 0:
                self.texts.append(piece.text)
        self.row_sizes.append(len(pieces))


def _frame(piece: Piece) -> Frame:
    return Frame(() if piece.token < 0 else (piece.token,), piece.token < 0, piece.mask, piece.label)


class Encoded(NamedTuple):
    """rows, labels int32 [N] (before any cut), and entry_sizes int64 [entries]: how many tokens each entry became."""

    rows: Rows
    labels: Ids
    entry_sizes: Offsets


def encode(entries: Entries, recipe: Recipe, tokenizer: Tokenizer) -> Encoded:
    """Tokens, mask and labels of all rows at once. Raises UnicodeEncodeError for a text that is not Unicode."""
    text_ids, text_offsets = _with_made(entries, *tokenizer.encode_many(entries.texts))
    frames = list(entries.frames)
    codes = np.frombuffer(entries.codes, np.uint16)
    head_sizes = np.array([len(frame.head) for frame in frames], np.int64)[codes]
    has_text = np.array([frame.has_text for frame in frames], bool)[codes]
    sizes = head_sizes.copy()
    sizes[has_text] += np.diff(text_offsets)
    stops = np.cumsum(sizes)
    starts = stops - sizes

    total = int(sizes.sum())
    ids = np.empty(total, np.int32)
    is_text = np.ones(total, bool)
    for k in range(max((len(frame.head) for frame in frames), default=0)):
        heads = np.array([frame.head[k] if k < len(frame.head) else -1 for frame in frames], np.int32)[codes]
        here = starts[head_sizes > k] + k
        ids[here] = heads[head_sizes > k]
        is_text[here] = False
    ids[is_text] = text_ids

    mask = np.repeat(np.array([frame.mask for frame in frames], bool)[codes], sizes)
    for number, made in entries.made.items():
        start = starts[np.flatnonzero(has_text)[number]]
        mask[start : start + len(made.mask)] = made.mask
    offsets = np.concatenate([[0], stops[np.cumsum(entries.row_sizes, dtype=np.int64) - 1]])
    rows = Rows(ids, mask, offsets)
    if recipe.remask is not None:
        rows = rows._replace(mask=recipe.remask(rows, tokenizer.special_ids))
    trained = rows.mask
    if recipe.shift:  # loss_masks = [False, *loss_masks]
        trained = np.concatenate([[False], rows.mask[:-1]])
        trained[offsets[:-1]] = False
    labels = np.full(total, IGNORE, np.int32)
    np.copyto(labels, ids, where=trained)
    for frame, code in entries.frames.items():
        if frame.label is not None:
            labels[starts[codes == code]] = frame.label
    return Encoded(rows, labels, sizes)


def _with_made(entries: Entries, ids: Ids, offsets: Offsets) -> tuple[Ids, Offsets]:
    """The texts' ids and offsets with those of the pieces that were encoded already."""
    if not entries.made:
        return ids, offsets
    rows = [ids[start:stop] for start, stop in pairwise(offsets.tolist())]
    for number, made in entries.made.items():
        rows[number] = made.traced.ids
    return np.concatenate(rows), np.cumsum([0, *map(len, rows)], dtype=np.int64)


# ---------------------------------------------------------------------------------------------------------------------


def lay_out(recipe: Recipe, messages: Sequence[Message], tokenizer: Tokenizer, tools: Sequence[Any] | None = None) -> list[list[Piece]]:
    """The pieces of each sample that the recipe makes of one conversation."""
    writer = Writer(tokenizer, tools)
    recipe.layout(messages, writer)
    rows = [row for row in writer.rows if row]
    return [[_made(piece, tokenizer) for piece in row] for row in rows] if tokenizer.rewrites else rows


def _made(piece: Piece, tokenizer: Tokenizer) -> Piece:
    """A text piece with its tokens, for a tokenizer whose tokens may not be the text: it alone knows where they stand."""
    if piece.token >= 0 or piece.made is not None:
        return piece
    traced = tokenizer.trace(piece.text)
    message = np.array([segment.message for segment in piece.segments], np.int32)
    ends = np.cumsum([len(segment.text.encode()) for segment in piece.segments])
    owner = message[np.minimum(np.searchsorted(ends, traced.starts, "right"), len(message) - 1)] if piece.owner is None else piece.owner
    size = len(traced.ids)
    return piece._replace(made=Made(traced, np.full(size, piece.mask), np.full(size, owner, np.int32)))


def cut_right(offsets: Offsets, max_length: int) -> tuple[Mask, Offsets]:
    """Which tokens stay when every row is cut to its first `max_length`, bool [N], and the new offsets."""
    sizes = np.diff(offsets)
    position = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
    return position < max_length, np.concatenate([[0], np.cumsum(np.minimum(sizes, max_length))])
