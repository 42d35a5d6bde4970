"""Where the loss comes from: by role, turn or part, what is trained and what isn't apart."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from glm4viz.loss.answers import wanted_nll
from glm4viz.loss.results import TokenLosses
from glm4viz.loss.sums import label_parts, role_names
from glm4viz.recipe import LabelledSample

By = Literal["role", "message", "part"]


@dataclass(frozen=True)
class LossShare:
    """The trained or the masked tokens of one role, message or part.

    name: the role, or the part (one of layout.PARTS, or sums.END). message_index: of a message, -1 for what stands outside, else None.
    tokens: those with a loss; the sample's first has none. nats: their losses together, weighed as the training weighs them.
    """

    name: str
    message_index: int | None
    trained: bool
    tokens: int
    nats: float

    @property
    def mean(self) -> float:
        return self.nats / self.tokens


def loss_shares(sample: LabelledSample, losses: TokenLosses, by: By) -> list[LossShare]:
    """In the order in which they first stand in the sample. A trained token belongs to the message that its label teaches, a masked
    one to the message it stands in."""
    trained = ~np.isnan(losses.label_nll)
    nats = np.where(trained, losses.weighted_nll, losses.nll).astype(np.float64)
    message = np.where(trained, sample.owner, sample.message_index)
    names = label_parts(sample) if by == "part" else role_names(sample)[message]
    known = np.flatnonzero(~np.isnan(wanted_nll(losses)))
    groups: dict[tuple[str, int | None, bool], list[int]] = {}
    for i in known.tolist():
        groups.setdefault((str(names[i]), int(message[i]) if by == "message" else None, bool(trained[i])), []).append(i)
    return [LossShare(*key, len(held), float(nats[held].sum())) for key, held in groups.items()]
