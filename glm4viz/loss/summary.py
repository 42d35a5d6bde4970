"""Where the loss comes from, per role and per message, and what the number is worth."""

import math
from dataclasses import dataclass

import numpy as np

from glm4viz.loss.results import Floats, TokenLosses, training_loss
from glm4viz.loss.spikes import Spike, find_spikes
from glm4viz.recipe import LabelledSample, Mask
from glm4viz.texts import Text, both, fill
from glm4viz.tokenizer import VOCABULARY_SIZE

EVEN = 0.5  # nats below the highest possible entropy: predictions nearly as even as those of random weights

UNTRAINED = both(
    "This model predicts nearly the same for everything (entropy {entropy:.2f} of at most {uniform:.2f} nats): it is untrained, or its "
    "weights were not loaded. Its losses say nothing about the data.",
    "这个模型对一切的预测几乎相同（熵 {entropy:.2f}，上限 {uniform:.2f} nat）：它未经训练，或者权重没有加载。它的损失说明不了数据的任何问题。",
)
NO_BETTER = both(
    "A mean loss of {mean:.2f} nats is no better than guessing any of the {tokens:,} tokens alike ({uniform:.2f}): the model doesn't know "
    "this text, this vocabulary or this template. The losses say nothing about the data.",
    "平均损失 {mean:.2f} nat，不比在 {tokens:,} 个 token 中随意猜测（{uniform:.2f}）更好：模型不了解这段文本、这个词表或这个模板。这些损失说明不了数据的任何问题。",
)


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
    """training_loss is the mean over trained tokens, as the trainer would report it; mean, over all tokens but the first.

    uniform: ln of the vocabulary's size, the loss of guessing; GLM-4's size is taken where the model's isn't known. warnings: why
    the losses say nothing, in sentences; empty for a model that knows something of the text. spikes: faults of the template.
    """

    training_loss: float
    total: float
    trained: int
    roles: tuple[GroupLoss, ...]
    messages: tuple[GroupLoss, ...]
    mean: float
    uniform: float
    warnings: tuple[Text, ...]
    spikes: tuple[Spike, ...]


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
    mean = _mean(losses.nll)
    warnings = _warnings(training_loss(losses) if counted.any() else mean, losses)
    return LossSummary(
        mean=mean,
        uniform=_uniform(losses),
        warnings=warnings,
        spikes=() if warnings else find_spikes(sample, losses),
        training_loss=training_loss(losses),
        total=total,
        trained=int(counted.sum()),
        roles=tuple(group(role, None, owner_role == role, sample.roles == role) for role in roles),
        messages=tuple(
            group(str(message["role"]), m, sample.owner == m, sample.message_index == m) for m, message in enumerate(sample.messages)
        ),
    )


def _warnings(mean: float, losses: TokenLosses) -> tuple[Text, ...]:
    uniform, entropy = _uniform(losses), _mean(losses.entropy)
    if entropy > uniform - EVEN:
        return (fill(UNTRAINED, entropy=entropy, uniform=uniform),)
    if mean >= uniform:
        return (fill(NO_BETTER, mean=mean, uniform=uniform, tokens=losses.rows or VOCABULARY_SIZE),)
    return ()


def _uniform(losses: TokenLosses) -> float:
    return math.log(losses.rows or VOCABULARY_SIZE)


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else math.nan


def _roles(sample: LabelledSample) -> np.ndarray:
    return np.array([*(str(message["role"]) for message in sample.messages), ""])


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))
