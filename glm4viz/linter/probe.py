"""What a recipe reads, asked of the recipe itself: it labels a small conversation with and without the thing, once."""

from collections.abc import Sequence
from typing import Any

from glm4viz.conversation import Message
from glm4viz.errors import Glm4vizError
from glm4viz.labelling.single import label_all
from glm4viz.recipe import Recipe

_QUESTION = {"role": "user", "content": "?"}
_TOOL = {"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object", "properties": {}}}}
_reads: dict[tuple[str, str], bool] = {}


def reads_loss(recipe: Recipe) -> bool:
    """Whether the recipe trains less of an answer that says `loss: false`."""
    return _asked(recipe, "loss", _trains_less_without_loss)


def reads_reasoning(recipe: Recipe) -> bool:
    """Whether the recipe writes the `reasoning_content` of a last answer."""
    return _asked(recipe, "reasoning", _writes_reasoning)


def reads_arguments(recipe: Recipe, kind: type) -> bool:
    """Whether the recipe writes a call's arguments as they are meant if they are of this kind: a text (str) or an object (dict)."""
    return _asked(recipe, kind.__name__, lambda recipe: _takes_arguments(recipe, kind))


def _asked(recipe: Recipe, question: str, answer: Any) -> bool:
    key = (recipe.id, question)
    if key not in _reads:
        _reads[key] = answer(recipe)
    return _reads[key]


def _trains_less_without_loss(recipe: Recipe) -> bool:
    with_loss, without = (_trained(recipe, [_QUESTION, {"role": "assistant", "content": "!"} | flag]) for flag in ({}, {"loss": False}))
    return len(without or []) < len(with_loss or [])


def _writes_reasoning(recipe: Recipe) -> bool:
    plain, thinking = (
        _written(recipe, [_QUESTION, {"role": "assistant", "content": "!"} | thought]) for thought in ({}, {"reasoning_content": "…"})
    )
    return plain != thinking


def _takes_arguments(recipe: Recipe, kind: type) -> bool:
    """A system that takes only one of the two refuses the other, or writes it as something else; the object is what is meant then."""
    as_object, as_text = (_written(recipe, _call_with(arguments), [_TOOL]) for arguments in ({"a": "b"}, '{"a": "b"}'))
    if as_object is None or as_text is None:
        return as_object == as_text or (as_object if kind is dict else as_text) is not None
    return kind is dict or as_object == as_text


def _call_with(arguments: Any) -> list[Message]:
    call = {"type": "function", "function": {"name": "f", "arguments": arguments}}
    return [
        _QUESTION,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "!"},
        {"role": "assistant", "content": "!"},
    ]


def _written(recipe: Recipe, messages: Sequence[Message], tools: Sequence[Any] | None = None) -> list[int] | None:
    """The ids of all samples, None where the recipe refuses."""
    try:
        return [token for sample in label_all(messages, recipe, tools=tools) for token in sample.input_ids.tolist()]
    except Glm4vizError:
        return None


def _trained(recipe: Recipe, messages: Sequence[Message]) -> list[int] | None:
    try:
        return [at for sample in label_all(messages, recipe) for at in sample.trained.nonzero()[0].tolist()]
    except Glm4vizError:
        return None
