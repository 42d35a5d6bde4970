"""Recipes compared on one conversation: what each of them trains, and what tells them apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glm4viz.comparison.differences import describe
from glm4viz.comparison.sides import Sides
from glm4viz.conversation import Chat, Conversation, Message
from glm4viz.errors import ConversationError, Glm4vizError, RecipeRejects
from glm4viz.forms import Given, Taken, as_chat, take
from glm4viz.labelling.on_chat import on_chat
from glm4viz.labelling.single import label_all
from glm4viz.recipe import LabelledSample, MaxLength, Recipe
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import get_recipe
from glm4viz.tokenizer import Tokenizer


@dataclass(frozen=True)
class Comparison(Sides):
    """The recipes side by side, and what differs in sentences."""

    def sentences(self, language: str = "en") -> list[str]:
        """What the recipes after the first do otherwise than the first, and what any of them edits or drops. Names of tokens stand in backticks."""
        return [text[language] for text in describe(self)]


def compare(
    messages: Given,
    recipe_ids: Sequence[str | Recipe],
    tokenizer: Tokenizer | None = None,
    max_length: MaxLength = None,
    *,
    tools: Sequence[Any] | None = None,
) -> Comparison:
    """Label one conversation with each recipe. A recipe that rejects it is in `errors`; a malformed conversation raises.

    Where recipes of GLM-4's form and of OpenAI's meet, all are told in the messages of OpenAI's form. Without a tokenizer each uses the
    bundled vocabulary that it asks for. `max_length` means to each system what it calls so; a pair (question, answer) is for others its sum + 1, as GLM-4's limit is,
    and one number is shared out in halves where a pair is needed.
    """
    chosen = {recipe.id: _as_fed(recipe, messages) for recipe in map(get_recipe, recipe_ids)}
    forms = {recipe.form for recipe in chosen.values()}
    common = take(messages, "openai" if "openai" in forms else "glm4", tools)
    told_anew = {"glm4"} if len(forms) > 1 else set[str]()
    taken: dict[str, list[LabelledSample]] = {}
    errors: dict[str, Glm4vizError] = {}
    for id, recipe in chosen.items():
        limit = limit_for(recipe, max_length)
        try:
            given: Given = Chat(common.messages, common.tools) if recipe.form == "openai" else common.messages
            if recipe.form in told_anew:
                given, chat = _both_forms(messages, common)
            made = label_all(messages if id == CAPTURED.id else given, recipe, tokenizer, limit)
            taken[id] = [on_chat(sample, chat) for sample in made] if recipe.form in told_anew else made
        except RecipeRejects as error:
            errors[id] = error
        except ConversationError as error:
            if recipe.form not in told_anew:
                raise
            errors[id] = error
    return Comparison(chosen, common.messages, taken, errors)


def _as_fed(recipe: Recipe, given: Given) -> Recipe:
    """The recipe captured as this conversation has it: in the form of its messages, with the stops of its tokenizer."""
    if recipe.id == CAPTURED.id and isinstance(given, Conversation) and given.captured is not None:
        fed: LabelledSample = given.captured
        return fed.recipe
    return recipe


def _both_forms(given: Given, common: Taken) -> tuple[Sequence[Message], Chat]:
    """The messages as GLM-4's recipes take them, and the common ones with what each of the former stands for there."""
    if isinstance(given, Conversation):
        messages: Any = given.messages
        source = given.chat.source if given.chat else as_chat(messages).source
    elif common.tools and not common.notes:
        messages, source = take(given, "glm4", common.tools).messages, ()  # raises: only a reader can map tools
    else:
        messages = given["messages"] if isinstance(given, Mapping) else given
        source = as_chat(messages).source if common.notes else tuple(range(len(common.messages)))
    return messages, Chat(common.messages, common.tools, source)


def limit_for(recipe: Recipe, max_length: MaxLength) -> MaxLength:
    """The limit as this recipe takes it: a number, or a pair."""
    if isinstance(max_length, int) and recipe.max_length_pair:
        return max(max_length // 2, 1), max((max_length - 1) // 2, 1)
    if isinstance(max_length, tuple | list) and not recipe.max_length_pair:
        return sum(max_length) + 1
    return max_length
