"""What a rule looks at: the messages in the recipe's form, and what the recipe made of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from glm4viz.conversation import Chat, Conversation
from glm4viz.errors import Glm4vizError, RecipeRejects
from glm4viz.forms import Given, function_of, take
from glm4viz.inference.parity import Parity, served_parity
from glm4viz.labelling.single import label_all
from glm4viz.layout import PARTS, Message
from glm4viz.reading.verdict import Turn, verdict
from glm4viz.recipe import Form, LabelledSample, MaxLength, Recipe
from glm4viz.systems.captured import CAPTURED
from glm4viz.tokenizer import Tokenizer

Field = Literal["content", "reasoning_content", "tool_calls"]
RESULT_ROLES = ("observation", "tool")  # what GLM-4's form and OpenAI's call a tool's result


class Passage(NamedTuple):
    """Some text of a message, in the field that holds it: a call's arguments come one text after the other."""

    message: int
    text: str
    field: Field = "content"


@dataclass(frozen=True)
class Case:
    """messages: dicts with a known role and a content that is text or null, which OpenAI's form may leave out beside calls; what isn't
    so was found before any rule runs. tools: the conversation's, in OpenAI's form.

    samples: what the recipe made of them; empty if it refused (`refusal`), or if nobody asked it yet.
    """

    messages: Sequence[Message]
    recipe: Recipe
    samples: Sequence[LabelledSample] = ()
    refusal: Glm4vizError | None = None
    tools: Sequence[Any] | None = None

    @property
    def form(self) -> Form:
        """How the messages are written."""
        return self.recipe.form

    @cached_property
    def turns(self) -> list[tuple[LabelledSample, Turn]]:
        """Every answer of every sample with what it was taught."""
        return [(sample, turn) for sample in self.samples for turn in verdict(sample).turns]

    @cached_property
    def parities(self) -> list[tuple[LabelledSample, Parity]]:
        """Every trained answer of every sample beside what a server would feed before it; none if nobody knows the server's template."""
        pairs = [(sample, found) for sample in self.samples for found in served_parity(sample) or ()]
        return [(sample, found) for sample, found in pairs if (sample.owner == found.message_index).any()]

    @cached_property
    def texts(self) -> list[tuple[int, str]]:
        """The contents that hold any text, with the messages they are of."""
        return [(m, message["content"]) for m, message in enumerate(self.messages) if message.get("content")]

    @cached_property
    def passages(self) -> list[Passage]:
        """Every text of the messages: contents, thoughts and what the arguments of calls say."""
        return [passage for m, message in enumerate(self.messages) for passage in _passages(m, message)]

    @cached_property
    def written(self) -> list[int]:
        """The messages that say anything. For GLM-4 an empty content leaves nothing, not even a role tag."""
        calls = self.form == "openai"
        return [m for m, message in enumerate(self.messages) if message.get("content") or (calls and is_call(message))]


def label_case(
    given: Given, recipe: Recipe, tokenizer: Tokenizer | None, max_length: MaxLength, tools: Sequence[Any] | None = None
) -> Case:
    """The messages in the recipe's form, with what it makes of them or with its refusal. Raises ConversationError for what isn't one."""
    if recipe.id == CAPTURED.id and isinstance(given, Conversation) and given.captured is not None:
        (sample,) = label_all(given, recipe, tokenizer, max_length)
        return Case(sample.messages, sample.recipe, [sample], tools=sample.tools)
    taken = take(given, recipe.form, tools)
    messages, tools = taken.messages, taken.tools
    handed: Given = Chat(messages, tools) if recipe.form == "openai" else messages
    try:
        return Case(messages, recipe, label_all(handed, recipe, tokenizer, max_length), tools=tools)
    except Glm4vizError as error:
        return Case(messages, recipe, refusal=error, tools=tools)
    except (TypeError, AttributeError, ValueError, LookupError) as error:
        # Metadata and tools may hold anything at all; a recipe that trips over them does as its script would.
        reason = f"{type(error).__name__}: {error}"
        refusal = RecipeRejects(
            f"The values in its messages can't be written ({reason}). Give metadata as a text and tools as a list.",
            f"消息里的值无法写出（{reason}）。metadata 请写成文本，tools 请写成列表。",
        )
        return Case(messages, recipe, refusal=refusal, tools=tools)


def _passages(m: int, message: Message) -> Iterator[Passage]:
    if message.get("content"):
        yield Passage(m, message["content"])
    if isinstance(thought := message.get("reasoning_content"), str) and thought:
        yield Passage(m, thought, "reasoning_content")
    if message.get("tool_calls") and is_call(message):
        for _, arguments in calls_of(message):
            yield from (Passage(m, text, "tool_calls") for text in _texts_in(arguments) if text)


def _texts_in(value: Any) -> Iterator[str]:
    """The texts in a JSON value, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value


def answers_of(case: Case) -> Iterator[Passage]:
    """What answers say in words: calls are none."""
    for m, content in case.texts:
        message = case.messages[m]
        if message["role"] == "assistant" and not is_call(message):
            yield Passage(m, content)


def question_before(case: Case, m: int) -> str:
    """The last thing a user said before a message; "" if the message before it is no user's."""
    before = next((n for n in range(m - 1, -1, -1) if case.messages[n]["role"] != "system"), None)
    if before is None or case.messages[before]["role"] != "user":
        return ""
    return case.messages[before].get("content") or ""


def is_call(message: Message) -> bool:
    """Whether an assistant message calls a function: GLM-4 has its name in `metadata`, OpenAI's form has `tool_calls`."""
    if message["role"] != "assistant":
        return False
    return bool(message.get("tool_calls")) or (isinstance(message.get("metadata"), str) and bool(message["metadata"].strip()))


def calls_of(message: Message) -> list[tuple[str, Any]]:
    """Name and arguments of each call that a message makes; GLM-4's form has the arguments as a text, OpenAI's often as an object."""
    if not is_call(message):
        return []
    if message.get("tool_calls"):
        return [function_of(call) for call in message["tool_calls"]]
    return [(message["metadata"], message["content"])]


def is_result(message: Message) -> bool:
    """Whether a message is what a tool gave back."""
    return message["role"] in RESULT_ROLES


def tokens_of(sample: LabelledSample, m: int) -> tuple[int, int] | None:
    """The range of tokens that stand in message `m`."""
    return around(np.flatnonzero(sample.message_index == m).tolist())


def tokens_of_field(sample: LabelledSample, m: int, field: Field) -> tuple[int, int] | None:
    """The range of tokens that a message's thought or its calls' arguments became."""
    part = PARTS.index("think" if field == "reasoning_content" else "arguments")
    return around(np.flatnonzero((sample.message_index == m) & (sample.part_codes == part)).tolist())


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
