"""One sequence that a run fed: a labelled sample that also knows its place in the batch."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from glm4viz.recipe import LabelledSample
from glm4viz.texts import Text
from glm4viz.tokenizer import Ids


@dataclass(frozen=True, eq=False)
class CapturedSample(LabelledSample):
    """positions int32 [T]: the position ids that the model saw, or would count itself. row: in the batch, from 0; segment: in a packed
    row, from 0. padding: tokens of padding that the batch has right before and right after it.
    """

    positions: Ids = field(default_factory=lambda: np.empty(0, np.int32))
    row: int = 0
    segment: int = 0
    padding: tuple[int, int] = (0, 0)
    batch_notes: tuple[Text, ...] = ()  # those of the notes that tell of the batch, which the arrays alone don't

    def take(self, positions: npt.NDArray[np.integer[Any]]) -> "CapturedSample":
        """The sample with only the tokens at `positions`, in that order."""
        taken = super().take(positions)
        assert isinstance(taken, CapturedSample)
        return replace(taken, positions=self.positions[positions])


def as_captured(sample: LabelledSample) -> CapturedSample:
    """The sample itself, or one that a recipe made as if it had been fed alone."""
    if isinstance(sample, CapturedSample):
        return sample
    columns = {column.name: getattr(sample, column.name) for column in fields(LabelledSample)}
    return CapturedSample(**columns, positions=np.arange(len(sample), dtype=np.int32), batch_notes=sample.notes)
