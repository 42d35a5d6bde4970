"""Samples laid out as the rows that a model is given: padded to one length, with labels that padding never has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from glm4viz.labelling.batch import Batch
from glm4viz.recipe import IGNORE, LabelledSample, Mask
from glm4viz.tokenizer import Ids

Side = Literal["left", "right"]
Samples = Sequence[LabelledSample] | Batch
PAD_ID = 151_329  # <|endoftext|>, which GLM-4's tokenizer also pads with


@dataclass(frozen=True)
class Collated:
    """All arrays are int32 [rows, width].

    input_ids: the pad id where nothing stands. labels: aligned, IGNORE on padding too.
    attention_mask: 1 for a token, 0 for padding.
    position_ids: 0, 1, 2 … in every sample anew; 0 on padding, as GLM-4's own tokenizer pads them.
    sample_index: whose token it is, an index in `samples`; -1 on padding.
    """

    samples: tuple[LabelledSample, ...]
    input_ids: Ids
    labels: Ids
    attention_mask: Ids
    position_ids: Ids
    sample_index: Ids

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and positions in each."""
        rows, width = self.input_ids.shape
        return rows, width

    @property
    def padding(self) -> Mask:
        """bool [rows, width]"""
        return np.less(self.sample_index, 0)

    @property
    def padding_share(self) -> float:
        """Which part of all positions is padding: computed, and learned nothing from."""
        return float(self.padding.mean()) if self.padding.size else 0.0

    def spread(self, columns: Sequence[npt.NDArray[Any]], empty: Any) -> npt.NDArray[Any]:
        """A column of each sample ([T] each) laid out as [rows, width], with `empty` on padding."""
        flat, filled = np.concatenate([*columns]), ~self.padding
        starts = np.cumsum([0, *map(len, self.samples)])
        grid = np.full(self.shape, empty, flat.dtype)
        grid[filled] = flat[starts[self.sample_index[filled]] + self.position_ids[filled]]
        return grid


def collate(samples: Samples, side: Side = "left", multiple: int | None = None, pad_id: int = PAD_ID) -> Collated:
    """Pad to the longest sample, then up to a multiple if one is given.

    The same arrays as transformers' DataCollatorForSeq2Seq(padding="longest", pad_to_multiple_of=multiple), which GLM-4's script
    uses without a multiple and with a tokenizer that pads on the left.
    """
    kept = as_samples(samples)
    width = rounded(max(map(len, kept), default=0), multiple)
    starts = [width - len(sample) if side == "left" else 0 for sample in kept]
    return Collated(kept, *lay_rows(kept, range(len(kept)), starts, (len(kept), width), pad_id))


def as_samples(samples: Samples) -> tuple[LabelledSample, ...]:
    """The samples themselves; a Batch labels its rows anew."""
    return tuple(samples[i] for i in range(len(samples)))


def rounded(width: int, multiple: int | None) -> int:
    """`width`, up to the next multiple."""
    return width if not multiple else -(-width // multiple) * multiple


def lay_rows(
    samples: Sequence[LabelledSample], rows: Sequence[int], starts: Sequence[int], shape: tuple[int, int], pad_id: int
) -> tuple[Ids, Ids, Ids, Ids, Ids]:
    """input_ids, labels, attention_mask, position_ids and sample_index, int32 of `shape`: sample i lies in rows[i] from starts[i] on."""
    input_ids, labels, seen, position_ids, sample_index = (np.full(shape, value, np.int32) for value in (pad_id, IGNORE, 0, 0, -1))
    for i, (sample, row, start) in enumerate(zip(samples, rows, starts, strict=True)):
        here = row, slice(start, start + len(sample))
        input_ids[here], labels[here], seen[here] = sample.input_ids, sample.labels, 1
        position_ids[here], sample_index[here] = np.arange(len(sample)), i
    return input_ids, labels, seen, position_ids, sample_index
