"""Several samples in one row: less padding, and tokens that see foreign ones unless attention is kept inside each sample."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from glm4viz.recipe import IGNORE
from glm4viz.rows.collator import PAD_ID, Collated, Samples, lay_rows
from glm4viz.rows.truncation import cut
from glm4viz.tokenizer import Ids

Method = Literal["first-fit-decreasing", "sequential"]


@dataclass(frozen=True)
class Packed(Collated):
    """Rows of `length` positions, padded on the right. bins: the samples of each row, in order. dropped: tokens cut off samples
    that are longer than a row."""

    bins: tuple[tuple[int, ...], ...]
    dropped: int

    @property
    def used(self) -> float:
        """Which part of all positions holds a token."""
        return 1 - self.padding_share

    @property
    def running_position_ids(self) -> Ids:
        """int32 [rows, width]: position ids as they are when nobody starts them anew at each sample."""
        rows, width = self.shape
        return np.tile(np.arange(width, dtype=np.int32), (rows, 1))

    @property
    def foreign(self) -> Ids:
        """int32 [rows, width]: how many tokens of other samples each token sees when attention is only causal; 0 on padding."""
        running = np.where(self.padding, 0, self.running_position_ids)
        return np.subtract(running, self.position_ids).astype(np.int32)

    @property
    def foreign_share(self) -> float:
        """Which part of all pairs (a token, one that it sees) joins two samples."""
        own = int((self.position_ids + 1)[~self.padding].sum())
        other = int(self.foreign.sum())
        return other / max(own + other, 1)

    @property
    def crossings(self) -> int:
        """Labels that are predicted from another sample's last token: those on the first token of a sample that isn't first."""
        first = (self.position_ids == 0) & ~self.padding
        return int((first[:, 1:] & (self.labels[:, 1:] != IGNORE)).sum())

    def boundaries(self, row: int) -> list[int]:
        """Where each sample of a row begins."""
        first = (self.position_ids[row] == 0) & ~self.padding[row]
        return [int(position) for position in np.flatnonzero(first)]

    def attention(self, row: int) -> Ids:
        """int32 [tokens, tokens] of one row: what the token down the side sees. 0: not seen, 1: of its own sample, 2: of another one."""
        owner = self.sample_index[row][~self.padding[row]]
        seen = np.tri(len(owner), dtype=bool)
        return np.where(seen, np.where(owner[:, None] == owner, 1, 2), 0).astype(np.int32)


def pack(samples: Samples, length: int, method: Method = "first-fit-decreasing", pad_id: int = PAD_ID) -> Packed:
    """Fill rows of `length` with whole samples.

    first-fit-decreasing: the longest first, each into the first row with room. sequential: in the order given, a new row when the
    next doesn't fit. A sample longer than a row is cut to it.
    """
    if length < 1:
        raise ValueError(f"length must be a positive whole number, not {length!r}")
    kept = cut(samples, length)
    sizes = [len(sample) for sample in kept]
    order = sorted(range(len(kept)), key=lambda i: -sizes[i]) if method == "first-fit-decreasing" else list(range(len(kept)))
    bins: list[list[int]] = []
    room: list[int] = []
    rows, starts = [0] * len(kept), [0] * len(kept)
    for i in order:
        tried = range(len(bins)) if method == "first-fit-decreasing" else range(max(len(bins) - 1, 0), len(bins))
        row = next((row for row in tried if room[row] >= sizes[i]), None)
        if row is None:
            row = len(bins)
            bins.append([])
            room.append(length)
        rows[i], starts[i] = row, length - room[row]
        bins[row].append(i)
        room[row] -= sizes[i]
    arrays = lay_rows(kept, rows, starts, (len(bins), length), pad_id)
    dropped = sum(len(samples[i]) - size for i, size in enumerate(sizes))
    return Packed(tuple(kept), *arrays, bins=tuple(map(tuple, bins)), dropped=dropped)
