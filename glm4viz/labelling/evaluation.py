"""eval_pairs: what `process_batch_eval` of GLM-4's scripts makes of a conversation."""

from collections.abc import Sequence

from glm4viz.conversation import Conversation
from glm4viz.errors import RecipeRejects
from glm4viz.labelling.single import label
from glm4viz.layout import Message
from glm4viz.recipe import Recipe
from glm4viz.systems.registry import DEFAULT, get_recipe
from glm4viz.tokenizer import Tokenizer


def eval_pairs(
    messages: Conversation | Sequence[Message],
    recipe: str | Recipe = DEFAULT,
    tokenizer: Tokenizer | None = None,
    max_input_length: int = 512,
    max_output_length: int = 512,
) -> list[tuple[list[int], list[int]]]:
    """(input_ids, output_ids) of every evaluation sample. Raises as `label` does, and RecipeRejects where there is no such step."""
    found = get_recipe(recipe)
    if found.evaluate is None:
        raise RecipeRejects(f"{found.id} has no evaluation step that glm4viz follows.", f"{found.id} 没有 glm4viz 支持的评估步骤。")
    sample = label(messages, found, tokenizer)
    pairs = found.evaluate(sample.messages, sample, max_input_length, max_output_length)
    return [(inputs.tolist(), outputs.tolist()) for inputs, outputs in pairs]
