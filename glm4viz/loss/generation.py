"""Greedy decoding: what a model would answer, and whether it stops."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from glm4viz.conversation import Conversation
from glm4viz.errors import TokenizerError
from glm4viz.labelling.single import label
from glm4viz.layout import PARTS, Message
from glm4viz.loss.model import LossModel, in_memory
from glm4viz.loss.results import Cancelled
from glm4viz.loss.served.model import ServedModel
from glm4viz.loss.stops import stop_ids
from glm4viz.recipe import Recipe
from glm4viz.systems.registry import DEFAULT, load_tokenizer
from glm4viz.tokenizer import Ids, Tokenizer


@dataclass(frozen=True)
class Generation:
    """An answer; its text begins with the header that GLM-4 writes itself: metadata, if any, and a newline.

    `stop_chance[i]` is the probability, before `ids[i]` was chosen, that a stop token comes; one more at the stop.
    `stopped_by` is the stop token that ended it, or None: it ran on until the limit.
    """

    ids: Ids
    text: str
    stopped_by: str | None
    stop_chance: tuple[float, ...]


def generate(
    model: LossModel | ServedModel,
    messages: Conversation | Sequence[Message],
    recipe: str | Recipe = DEFAULT,
    max_new_tokens: int = 128,
    tokenizer: Tokenizer | None = None,
    *,
    on_token: Callable[[int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Generation:
    """The likeliest token again and again, until one of GLM-4's stop tokens.

    The prompt is the conversation as the recipe writes it, without its end token, and the <|assistant|> tag.
    """
    model, tok = in_memory(model), tokenizer or load_tokenizer()
    stops = {i: name for name, i in stop_ids(tok).items()}
    ids, stopped_by, chances = list[int](), None, list[float]()
    upcoming = prompt_ids(messages, recipe, tok)
    model.check_ids(upcoming)
    with model.running():
        cache = None
        while stopped_by is None and len(ids) < max_new_tokens:
            if cancelled is not None and cancelled():
                raise Cancelled
            step = torch.from_numpy(upcoming.astype(np.int64))[None].to(model.device)
            out = model.module(input_ids=step, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = out.past_key_values
            chance = torch.softmax(out.logits[0, -1].float(), -1)
            chances.append(float(chance[list(stops)].sum()))
            best = int(chance.argmax())
            stopped_by = stops.get(best)
            if stopped_by is None:
                ids.append(best)
                if on_token is not None:
                    on_token(best)
            upcoming = np.array([best], np.int32)
    return Generation(np.array(ids, np.int32), b"".join(_bytes(i, tok) for i in ids).decode("utf-8", "replace"), stopped_by, tuple(chances))


def prompt_ids(messages: Conversation | Sequence[Message], recipe: str | Recipe, tokenizer: Tokenizer) -> Ids:
    """The conversation up to the tag after which the model writes."""
    sample = label(messages, recipe, tokenizer)
    appended = (sample.part_codes == PARTS.index("stop")) & (sample.message_index == -1)
    return np.append(sample.input_ids[~appended], np.int32(tokenizer.special_ids["<|assistant|>"]))


def _bytes(token_id: int, tokenizer: Tokenizer) -> bytes:
    try:
        return tokenizer.token_bytes(token_id)
    except TokenizerError:  # a model has more rows than the vocabulary has tokens
        return b""
