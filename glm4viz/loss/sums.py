"""Sums of losses over tokens of one kind, in any number of samples, and the means made of them."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from glm4viz.layout import PARTS
from glm4viz.loss.results import TokenLosses
from glm4viz.recipe import LabelledSample, Mask

END = "end"  # the part of a label that ends its answer: an end token of its own, or the next role tag


def role_names(sample: LabelledSample) -> np.ndarray:
    """str [messages + 1]: each message's role, and "" in the place that -1 leads to."""
    return np.array([*(str(message["role"]) for message in sample.messages), ""])


def label_parts(sample: LabelledSample) -> np.ndarray:
    """str [T]: the part of each label: that of the token in its place, or END where it ends an answer."""
    ends = sample.trained & ((sample.message_index != sample.owner) | (sample.part_codes == PARTS.index("stop")))
    return np.where(ends, END, sample.parts)


@dataclass(frozen=True, slots=True)
class Sums:
    """trained, loss: of labels: how many, and their weighted loss. ordinary, nats, size: of tokens of text, trained or not (special
    tokens are no text): how many, their loss, and their bytes. Nats. What nothing predicts counts nowhere.
    """

    trained: int = 0
    loss: float = 0.0
    ordinary: int = 0
    nats: float = 0.0
    size: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.trained + other.trained,
            self.loss + other.loss,
            self.ordinary + other.ordinary,
            self.nats + other.nats,
            self.size + other.size,
        )

    @property
    def mean(self) -> float:
        """The loss of a label; nan without any."""
        return ratio(self.loss, self.trained)

    def share_of(self, total: float) -> float:
        """Which part of a loss this is; nan of none."""
        return ratio(self.loss, total)

    @property
    def perplexity(self) -> float:
        return math.exp(min(ratio(self.nats, self.ordinary), 700.0))

    @property
    def bits_per_byte(self) -> float:
        return ratio(self.nats, self.size * math.log(2))


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


@dataclass(frozen=True)
class Counted:
    """What of a sample counts: labels with a loss (bool [T]) and what each costs; text with a loss, and its bytes."""

    labelled: Mask
    weighted: npt.NDArray[np.float64]
    text: Mask
    nats: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, sample: LabelledSample, losses: TokenLosses) -> "Counted":
        labelled = ~np.isnan(losses.label_nll)
        special = np.isin(sample.input_ids, list(sample.tokenizer.named_ids.values()))
        text = ~special & ~np.isnan(losses.nll)
        sizes = sample.tokenizer.token_sizes(np.where(special, 0, sample.input_ids))
        return cls(
            labelled,
            np.where(labelled, losses.weighted_nll, 0).astype(np.float64),
            text,
            np.where(text, losses.nll, 0).astype(np.float64),
            np.where(text, sizes, 0).astype(np.int64),
        )

    def within(self, owned: Mask, inside: Mask) -> Sums:
        """The sums over labels that are owned by something and over the text that stands in it."""
        return Sums(
            int((owned & self.labelled).sum()),
            float(self.weighted[owned].sum()),
            int((inside & self.text).sum()),
            float(self.nats[inside].sum()),
            int(self.sizes[inside].sum()),
        )
