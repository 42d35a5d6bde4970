"""Which known systems train the very same things of a conversation as a given recipe."""

from typing import Any

import numpy as np

from glm4viz.conversation import Chat
from glm4viz.errors import Glm4vizError
from glm4viz.forms import Given, take
from glm4viz.labelling.single import label_all
from glm4viz.layout import PARTS
from glm4viz.recipe import Recipe
from glm4viz.systems.registry import recipes
from glm4viz.tokenizer import Tokenizer


def known_equals(messages: Given, recipe: Recipe, tokenizer: Tokenizer | None = None) -> list[str]:
    """Ids of the known recipes that train the very same things of this conversation.

    Compared are, for every message, which bytes of its content are trained, whether its own tag and header are, and which token
    is taught as its end. Recipes that refuse the conversation or make several samples of it are passed over.
    """
    checked = take(messages, recipe.form)
    given: Given = Chat(checked.messages, checked.tools) if recipe.form == "openai" else checked.messages
    own = _taught(given, recipe, tokenizer)
    alike = [known for known in recipes().values() if own is not None and known.form == recipe.form]
    found = [known.id for known in alike if _taught(given, known, tokenizer) == own]
    return [id for id in found if id != recipe.id]


def _taught(messages: Given, recipe: Recipe, tokenizer: Tokenizer | None) -> set[tuple[Any, ...]] | None:
    """Everything that carries a label, in terms that do not depend on how the text was cut into tokens."""
    try:
        samples = label_all(messages, recipe, tokenizer)
    except Glm4vizError:
        return None
    if len(samples) != 1:
        return None
    sample, taught = samples[0], set[tuple[Any, ...]]()
    # The very first token's label never enters the loss.
    for i in np.flatnonzero(sample.trained[1:]) + 1:
        m, owner, part = int(sample.message_index[i]), int(sample.owner[i]), PARTS[sample.part_codes[i]]
        start, stop = sample.spans[i].tolist()
        if part == "stop" or (part == "role_tag" and owner != m):
            taught.add(("end", owner, int(sample.labels[i])))
        elif part != "content":
            taught.add((part, m))
        taught.update(("content", m, byte) for byte in range(start, stop))
    return taught
