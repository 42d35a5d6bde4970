"""The worked example of every recipe, labelled live, a chip for each token or text: two turns under a system message, or, for GLM-4.5's
recipes, a question that is answered with thoughts and a call.
"""

import inspect
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from glm4viz.conversation import Chat
from glm4viz.errors import RecipeRejects
from glm4viz.forms import Given, take
from glm4viz.labelling.single import label_all
from glm4viz.layout import Message
from glm4viz.recipe import LabelledSample, Recipe
from glm4viz.systems import own
from glm4viz.systems.registry import system_modules
from glm4viz.tokenizer import VOCABULARY_SIZE, Tokenizer

EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "en": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Capital of France?"},
        {"role": "assistant", "content": "Paris."},
        {"role": "user", "content": "And of Spain?"},
        {"role": "assistant", "content": "Madrid."},
    ],
    "zh": [
        {"role": "system", "content": "回答要简短。"},
        {"role": "user", "content": "法国的首都？"},
        {"role": "assistant", "content": "巴黎。"},
        {"role": "user", "content": "西班牙呢？"},
        {"role": "assistant", "content": "马德里。"},
    ],
}


def _thinking(question: str, first: str, city: str, result: str, then: str, answer: str) -> Chat:
    call = {"type": "function", "function": {"name": "time_in", "arguments": {"city": city}}}
    tool = {"name": "time_in", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": "", "reasoning_content": first, "tool_calls": [call]},
        {"role": "tool", "content": result},
        {"role": "assistant", "content": answer, "reasoning_content": then},
    ]
    return Chat(messages, [{"type": "function", "function": tool}])


THINKING_EXAMPLES: dict[str, Chat] = {
    "en": _thinking("What time is it in Lima?", "I need the clock there.", "Lima", "09:40", "Morning.", "It is 9:40 in the morning."),
    "zh": _thinking("利马现在几点？", "得查当地时间。", "利马", "09:40", "是上午。", "上午九点四十。"),
}
_VISIBLE = str.maketrans({"\n": "⏎", "\r": "␍", "\t": "⇥"})
_LETTERS = {"system": "S", "user": "U", "assistant": "A", "observation": "O", "tool": "T"}


class Chip(NamedTuple):
    """One token, or neighbouring tokens under one symbol. `label` is what is taught there, if it isn't the token itself."""

    text: str
    part: str
    role: str
    message: int
    trained: bool
    label: str
    ids: tuple[int, ...]


class WorkedExample(NamedTuple):
    """messages: those that could be labelled; refused: why not all that were given, if so."""

    messages: Sequence[Message]
    samples: list[LabelledSample]
    refused: RecipeRejects | None


def example_for(recipe: Recipe, language: str) -> Given:
    """The example that has what the recipe is about."""
    return THINKING_EXAMPLES[language] if recipe.form == "openai" else EXAMPLES[language]


def worked_example(recipe: Recipe, given: Given, tokenizer: Tokenizer | None = None) -> WorkedExample:
    """The conversation labelled. Where the system refuses it: without the system message, or only the first question and answer."""
    taken = take(given, recipe.form)
    messages, refused = taken.messages, None
    talk = [message for message in messages if message["role"] != "system"]
    for tried in (messages, talk, talk[:2]):
        part: Given = Chat(tried, taken.tools) if recipe.form == "openai" else tried
        try:
            return WorkedExample(tried, label_all(part, recipe, tokenizer) if tried else [], refused)
        except RecipeRejects as error:
            refused = refused or error
    return WorkedExample(messages, [], refused)


def chips(sample: LabelledSample, symbols: Mapping[int, str] | None = None) -> list[Chip]:
    """The sample's tokens in order.

    With `symbols`, a content that has one is a single chip of that name, and a tools text is one chip, as far as their tokens share a state;
    with any name among them, so are a thought's text and a call's arguments.
    """
    names, trained = symbols or {}, sample.trained
    differs = trained & (sample.labels != sample.input_ids)
    found: list[Chip] = []
    roles, parts = sample.roles, sample.parts

    def kind(i: int) -> tuple[int, ...]:
        folded = (
            (parts[i] == "content" and sample.message_index[i] in names)
            or (parts[i] == "tools" and symbols is not None)
            or (bool(names) and (parts[i] == "arguments" or (parts[i] == "think" and sample.input_ids[i] < VOCABULARY_SIZE)))
        )
        return (int(sample.message_index[i]), int(trained[i]), int(sample.part_codes[i])) if folded and not differs[i] else (i,)

    for together, run in groupby(range(len(sample)), kind):
        at = list(run)
        first, message = at[0], int(sample.message_index[at[0]])
        text = _shown(sample.token_bytes[first])
        if len(together) > 1:
            text = names[message] if parts[first] == "content" else f"{parts[first]} ×{len(at)}"
        label = _shown(sample.tokenizer.token_bytes(int(sample.labels[first]))) if differs[first] else ""
        ids = tuple(sample.input_ids[np.array(at)].tolist())
        found.append(Chip(text, str(parts[first]), str(roles[first]), message, bool(trained[first]), label, ids))
    return found


def symbols(messages: Sequence[Message]) -> dict[int, str]:
    """What a textbook calls the messages: S, U1, A1, U2, A2; O1, in OpenAI's form T1, is a tool result."""
    counts: dict[str, int] = {}
    names = {}
    for m, message in enumerate(messages):
        letter = _LETTERS[message["role"]]
        counts[letter] = counts.get(letter, 0) + 1
        names[m] = letter if letter == "S" and counts[letter] == 1 else f"{letter}{counts[letter]}"
    return names


def _shown(token: bytes) -> str:
    """The token's text with white space visible; bytes that are only part of a character in hexadecimal."""
    return token.decode("utf-8", "backslashreplace").translate(_VISIBLE)


def source_code(recipe: Recipe) -> str:
    """The file that the recipe stands in, as it runs."""
    return inspect.getsource(_module(recipe))


def source_files(recipe: Recipe) -> dict[str, str]:
    """By file name: the file that the recipe stands in, and those of other systems that it takes functions from."""
    module = _module(recipe)
    used = {value.__module__ for value in vars(module).values() if inspect.isfunction(value)} - {module.__name__}
    others = [sys.modules[name] for name in sorted(used) if name.startswith(f"{own.__package__}.")]
    return {f"{one.__name__.rpartition('.')[2]}.py": inspect.getsource(one) for one in (module, *others)}


def _module(recipe: Recipe) -> ModuleType:
    return next((module for module in system_modules() if recipe in module.RECIPES), own)
