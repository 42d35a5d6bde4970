"""Where the loss comes from: per role and per message."""

import math
from dataclasses import dataclass

import numpy as np

from glm4viz.loss.losses import TokenLosses, training_loss
from glm4viz.recipe import LabelledSample, Mask


@dataclass(frozen=True)
class GroupLoss:
    """One role or message. Nats.

    trained, loss, share, mean: of the labels it owns, that is, of what its generation is taught (for GLM-4 the tag after an answer too).
    ordinary, perplexity, bits_per_byte: of the ordinary tokens that stand in it, trained or not; special tokens are no text.
    nan where there is nothing to average.
    """

    role: str
    message_index: int | None
    trained: int
    loss: float
    share: float
    mean: float
    ordinary: int
    perplexity: float
    bits_per_byte: float


@dataclass(frozen=True)
class LossSummary:
    """training_loss is the mean over trained tokens, as the trainer would report it."""

    training_loss: float
    total: float
    trained: int
    roles: tuple[GroupLoss, ...]
    messages: tuple[GroupLoss, ...]


def loss_summary(sample: LabelledSample, losses: TokenLosses) -> LossSummary:
    """Sums, shares and means. The token at position 0 has no loss and counts nowhere."""
    counted = ~np.isnan(losses.label_nll)
    owner_role = _roles(sample)[sample.owner]
    weighted = losses.weighted_nll
    total = float(weighted[counted].sum(dtype=np.float64))
    special = np.isin(sample.input_ids, list(sample.tokenizer.named_ids.values()))
    text = ~special & ~np.isnan(losses.nll)
    sizes = sample.tokenizer.token_sizes(np.where(special, 0, sample.input_ids))

    def group(role: str, message: int | None, owned: Mask, inside: Mask) -> GroupLoss:
        owned, inside = owned & counted, inside & text
        loss, nats = (float(column[held].sum(dtype=np.float64)) for column, held in ((weighted, owned), (losses.nll, inside)))
        size = int(sizes[inside].sum())
        return GroupLoss(
            role=role,
            message_index=message,
            trained=int(owned.sum()),
            loss=loss,
            share=_ratio(loss, total),
            mean=_ratio(loss, int(owned.sum())),
            ordinary=int(inside.sum()),
            perplexity=_exp(_ratio(nats, int(inside.sum()))),
            bits_per_byte=_ratio(nats, size * math.log(2)),
        )

    roles = list(dict.fromkeys(str(message["role"]) for message in sample.messages))
    return LossSummary(
        training_loss=training_loss(losses),
        total=total,
        trained=int(counted.sum()),
        roles=tuple(group(role, None, owner_role == role, sample.roles == role) for role in roles),
        messages=tuple(
            group(str(message["role"]), m, sample.owner == m, sample.message_index == m) for m, message in enumerate(sample.messages)
        ),
    )


def _roles(sample: LabelledSample) -> np.ndarray:
    return np.array([*(str(message["role"]) for message in sample.messages), ""])


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))
