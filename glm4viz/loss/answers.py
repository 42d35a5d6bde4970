"""What the model itself has to write: each answer's tokens in order, and how likely it is to stop behind them."""

from dataclasses import dataclass

import numpy as np

from glm4viz.layout import PARTS
from glm4viz.loss.results import Floats, TokenLosses, Whole
from glm4viz.reading.stops import stop_positions
from glm4viz.recipe import LabelledSample


@dataclass(frozen=True)
class AnswerLoss:
    """One assistant message as the model writes it, without the tag that opens it.

    positions int64 [n]: where its tokens stand, the one that ends it last. nll float32 [n]: their loss in nats, of the label where there
    is one. ended: whether the token that ends it is among them; max_length may have cut it off. trained: whether any of them is.
    """

    message_index: int
    positions: Whole
    nll: Floats
    ended: bool
    trained: bool


@dataclass(frozen=True)
class StopChance:
    """The probability that the model stops where an answer ends; the token that ends it stands at `position`."""

    message_index: int
    position: int
    probability: float


def answer_losses(sample: LabelledSample, losses: TokenLosses) -> list[AnswerLoss]:
    """Every assistant message of which something is in the sample, in order."""
    nll, stops, tag = wanted_nll(losses), stop_positions(sample), sample.part_codes == PARTS.index("role_tag")
    found = []
    for m, message in enumerate(sample.messages):
        if message["role"] != "assistant":
            continue
        own = np.flatnonzero((sample.message_index == m) & ~tag)
        behind = [stops[m]] if stops[m] >= 0 and stops[m] not in own else []
        positions = np.append(own, np.array(behind, np.int64))
        if len(positions):
            found.append(AnswerLoss(m, positions, nll[positions], bool(stops[m] >= 0), bool(sample.trained[positions].any())))
    return found


def wanted_nll(losses: TokenLosses) -> Floats:
    """float32 [T]: the loss of what is taught at each position, and of what stands there where nothing is."""
    return np.where(np.isnan(losses.label_nll), losses.nll, losses.label_nll)


def stop_chances(sample: LabelledSample, losses: TokenLosses) -> list[StopChance]:
    """For every answer that has an end. Any of the recipe's stop tokens counts.

    It is read from the losses, so that it costs nothing and works for a served model: the stop tokens among the likeliest and the
    token that stands there. What is left out is less likely than each of the likeliest. `stop_probabilities` asks the model itself.
    """
    stops = [sample.tokenizer.named_ids[name] for name in sample.recipe.stops if name in sample.tokenizer.named_ids]
    found = []
    for m, at in enumerate(stop_positions(sample).tolist()):
        if sample.messages[m]["role"] != "assistant" or at < 1:
            continue
        likely = np.isin(losses.top_ids[at], stops)
        chance = float(np.exp(losses.top_logprobs[at][likely].astype(np.float64)).sum())
        there = int(sample.input_ids[at])
        if there in stops and there not in losses.top_ids[at] and not np.isnan(losses.nll[at]):
            chance += float(np.exp(-float(losses.nll[at])))
        found.append(StopChance(m, at, min(chance, 1.0)))
    return found
