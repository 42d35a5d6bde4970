"""Where the loss comes from, per role and per message, and what the number is worth."""

import math
from dataclasses import dataclass

import numpy as np

from glm4viz.loss.results import Floats, TokenLosses, training_loss
from glm4viz.loss.spikes import Spike, find_spikes
from glm4viz.loss.sums import Counted, ratio, role_names
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
    counted = Counted.of(sample, losses)
    owner_role = role_names(sample)[sample.owner]
    total = float(counted.weighted.sum())

    def group(role: str, message: int | None, owned: Mask, inside: Mask) -> GroupLoss:
        sums = counted.within(owned, inside)
        return GroupLoss(
            role=role,
            message_index=message,
            trained=sums.trained,
            loss=sums.loss,
            share=ratio(sums.loss, total),
            mean=sums.mean,
            ordinary=sums.ordinary,
            perplexity=sums.perplexity,
            bits_per_byte=sums.bits_per_byte,
        )

    roles = list(dict.fromkeys(str(message["role"]) for message in sample.messages))
    mean = _mean(losses.nll)
    warnings = doubts(training_loss(losses) if counted.labelled.any() else mean, _mean(losses.entropy), losses.rows)
    return LossSummary(
        mean=mean,
        uniform=uniform_loss(losses.rows),
        warnings=warnings,
        spikes=() if warnings else find_spikes(sample, losses),
        training_loss=training_loss(losses),
        total=total,
        trained=int(counted.labelled.sum()),
        roles=tuple(group(role, None, owner_role == role, sample.roles == role) for role in roles),
        messages=tuple(
            group(str(message["role"]), m, sample.owner == m, sample.message_index == m) for m, message in enumerate(sample.messages)
        ),
    )


def doubts(mean: float, entropy: float, rows: int) -> tuple[Text, ...]:
    """Why losses with this mean and this mean entropy (nan where it isn't known) say nothing; rows: of the vocabulary, 0 if not known."""
    uniform = uniform_loss(rows)
    if entropy > uniform - EVEN:
        return (fill(UNTRAINED, entropy=entropy, uniform=uniform),)
    if mean >= uniform:
        return (fill(NO_BETTER, mean=mean, uniform=uniform, tokens=rows or VOCABULARY_SIZE),)
    return ()


def uniform_loss(rows: int) -> float:
    """The loss of guessing any token of the vocabulary alike."""
    return math.log(rows or VOCABULARY_SIZE)


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else math.nan
