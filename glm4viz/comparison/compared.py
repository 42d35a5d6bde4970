"""Recipes compared on one conversation: what each of them trains, and what tells them apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from glm4viz.comparison.differences import describe
from glm4viz.comparison.sides import Sides
from glm4viz.conversation import Conversation, check_messages
from glm4viz.errors import Glm4vizError, RecipeRejects
from glm4viz.labelling.single import label_all
from glm4viz.layout import Message
from glm4viz.recipe import LabelledSample, MaxLength, Recipe
from glm4viz.systems.registry import get_recipe, load_tokenizer
from glm4viz.tokenizer import Tokenizer


@dataclass(frozen=True)
class Comparison(Sides):
    """The recipes side by side, and what differs in sentences."""

    def sentences(self, language: str = "en") -> list[str]:
        """What the recipes after the first do otherwise than the first, and what any of them edits or drops. Names of tokens stand in backticks."""
        return [text[language] for text in describe(self)]


def compare(
    messages: Conversation | Sequence[Message],
    recipe_ids: Sequence[str | Recipe],
    tokenizer: Tokenizer | None = None,
    max_length: MaxLength = None,
) -> Comparison:
    """Label one conversation with each recipe. A recipe that rejects it is in `errors`; a malformed conversation raises.

    `max_length` means to each system what it calls so; a pair (question, answer) is for others its sum + 1, as GLM-4's limit is,
    and one number is shared out in halves where a pair is needed.
    """
    tok, checked = tokenizer or load_tokenizer(), check_messages(messages)
    chosen = {recipe.id: recipe for recipe in map(get_recipe, recipe_ids)}
    taken: dict[str, list[LabelledSample]] = {}
    errors: dict[str, Glm4vizError] = {}
    for id, recipe in chosen.items():
        try:
            taken[id] = label_all(checked, recipe, tok, limit_for(recipe, max_length))
        except RecipeRejects as error:
            errors[id] = error
    return Comparison(chosen, checked, taken, errors)


def limit_for(recipe: Recipe, max_length: MaxLength) -> MaxLength:
    """The limit as this recipe takes it: a number, or a pair."""
    if isinstance(max_length, int) and recipe.max_length_pair:
        return max(max_length // 2, 1), max((max_length - 1) // 2, 1)
    if isinstance(max_length, tuple | list) and not recipe.max_length_pair:
        return sum(max_length) + 1
    return max_length
