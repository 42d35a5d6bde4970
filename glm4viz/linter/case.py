"""What a rule looks at: the messages as they were given, and what the recipe made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from glm4viz.errors import Glm4vizError, RecipeRejects
from glm4viz.labelling.single import label_all
from glm4viz.layout import Message
from glm4viz.reading.verdict import Turn, verdict
from glm4viz.recipe import LabelledSample, MaxLength, Recipe
from glm4viz.tokenizer import Tokenizer


@dataclass(frozen=True)
class Case:
    """messages: dicts with a known role and a content that is text or null; what isn't so was found before any rule runs.

    samples: what the recipe made of them; empty if it refused (`refusal`), or if nobody asked it yet.
    """

    messages: Sequence[Message]
    recipe: Recipe
    samples: Sequence[LabelledSample] = ()
    refusal: Glm4vizError | None = None

    @cached_property
    def turns(self) -> list[tuple[LabelledSample, Turn]]:
        """Every answer of every sample with what it was taught."""
        return [(sample, turn) for sample in self.samples for turn in verdict(sample).turns]

    @cached_property
    def written(self) -> list[int]:
        """The messages that GLM-4 writes: an empty content leaves nothing, not even a role tag."""
        return [m for m, message in enumerate(self.messages) if message["content"]]


def label_case(messages: Sequence[Message], recipe: Recipe, tokenizer: Tokenizer | None, max_length: MaxLength) -> Case:
    """The messages with what the recipe makes of them, or with its refusal."""
    try:
        return Case(messages, recipe, label_all(messages, recipe, tokenizer, max_length))
    except Glm4vizError as error:
        return Case(messages, recipe, refusal=error)
    except (TypeError, AttributeError, ValueError, LookupError) as error:
        # Metadata and tools may hold anything at all; a recipe that trips over them does as its script would.
        reason = f"{type(error).__name__}: {error}"
        refusal = RecipeRejects(
            f"The values in its messages can't be written ({reason}). Give metadata as a text and tools as a list.",
            f"消息里的值无法写出（{reason}）。metadata 请写成文本，tools 请写成列表。",
        )
        return Case(messages, recipe, refusal=refusal)


def is_call(message: Message) -> bool:
    """Whether an assistant message calls a function: GLM-4 has its name in `metadata`."""
    return message["role"] == "assistant" and isinstance(message.get("metadata"), str) and bool(message["metadata"].strip())


def tokens_of(sample: LabelledSample, m: int) -> tuple[int, int] | None:
    """The range of tokens that stand in message `m`."""
    return around(np.flatnonzero(sample.message_index == m).tolist())


def tokens_at(sample: LabelledSample, m: int, span: tuple[int, int]) -> tuple[int, int] | None:
    """The range of tokens that hold any of these bytes of the message's content."""
    start, stop = sample.spans.T
    held = (sample.message_index == m) & (start >= 0) & (start < span[1]) & (stop > span[0])
    # A token that begins in the header and reaches into the content stands in the header's message, too.
    return around(np.flatnonzero(held).tolist())


def around(positions: Sequence[int]) -> tuple[int, int] | None:
    """(first, last + 1) of ascending positions, None if there are none."""
    return (int(positions[0]), int(positions[-1]) + 1) if positions else None


def byte_span(text: str, start: int, stop: int) -> tuple[int, int]:
    """The same range of a text counted in UTF-8 bytes instead of characters."""
    before = len(text[:start].encode())
    return before, before + len(text[start:stop].encode())
