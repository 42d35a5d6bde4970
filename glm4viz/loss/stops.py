"""How likely a model is to stop, right where each answer ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from glm4viz.layout import PARTS
from glm4viz.loss.model import LossModel, in_memory
from glm4viz.loss.served.model import ServedModel
from glm4viz.recipe import GENERATION_STOPS, LabelledSample
from glm4viz.tokenizer import Tokenizer


class StopProbability(NamedTuple):
    """One stop token and the probability that it comes next."""

    token: str
    id: int
    probability: float


@dataclass(frozen=True)
class StopProbabilities:
    """What the model expects after the last token of an assistant turn, which stands at `position`."""

    message_index: int
    position: int
    each: tuple[StopProbability, ...]

    @property
    def total(self) -> float:
        """The probability that the model stops here."""
        return sum(stop.probability for stop in self.each)


def stop_ids(tokenizer: Tokenizer, stops: Sequence[str] = GENERATION_STOPS) -> dict[str, int]:
    """The ids of stop tokens, GLM-4's by default, in this vocabulary."""
    return {name: tokenizer.named_id(name) for name in stops}


def stop_probabilities(model: LossModel | ServedModel, sample: LabelledSample) -> list[StopProbabilities]:
    """For each assistant turn that is in the sample, in order. Raises VocabularyMismatch and ModelError as token_losses does."""
    model = in_memory(model)
    model.check_ids(sample.input_ids)
    own_end = sample.part_codes == PARTS.index("stop")
    ends = [
        (m, int(np.flatnonzero(held)[-1]))
        for m, message in enumerate(sample.messages)
        if message["role"] == "assistant" and (held := (sample.message_index == m) & ~own_end).any()
    ]
    if not ends:
        return []
    stops = stop_ids(sample.tokenizer, sample.recipe.stops)
    model.check_ids(np.array(list(stops.values())))
    with model.running():
        hidden = model.hidden_states([sample.input_ids])[0][[at for _, at in ends]]
        chances = torch.softmax(model.module.get_output_embeddings()(hidden).float(), -1)[:, list(stops.values())].tolist()
    return [
        StopProbabilities(m, at, tuple(StopProbability(name, i, p) for (name, i), p in zip(stops.items(), row, strict=True)))
        for (m, at), row in zip(ends, chances, strict=True)
    ]
