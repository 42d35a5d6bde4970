"""The worked example of every recipe: two turns under a system message, labelled live, a chip for each token or text."""

import inspect
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from glm4viz.errors import RecipeRejects
from glm4viz.labelling.single import label_all
from glm4viz.layout import Message
from glm4viz.recipe import LabelledSample, Recipe
from glm4viz.systems import own
from glm4viz.systems.registry import system_modules
from glm4viz.tokenizer import Tokenizer

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
_VISIBLE = str.maketrans({"\n": "⏎", "\r": "␍", "\t": "⇥"})
_LETTERS = {"system": "S", "user": "U", "assistant": "A", "observation": "O"}


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


def worked_example(recipe: Recipe, messages: Sequence[Message], tokenizer: Tokenizer | None = None) -> WorkedExample:
    """The messages labelled. Where the system refuses them: without the system message, or only the first question and answer."""
    talk = [message for message in messages if message["role"] != "system"]
    refused = None
    for tried in (messages, talk, talk[:2]):
        try:
            return WorkedExample(tried, label_all(list(tried), recipe, tokenizer) if tried else [], refused)
        except RecipeRejects as error:
            refused = refused or error
    return WorkedExample(messages, [], refused)


def chips(sample: LabelledSample, symbols: Mapping[int, str] | None = None) -> list[Chip]:
    """The sample's tokens in order.

    With `symbols`, a content that has one is a single chip of that name, and a tools text is one chip, as far as their tokens share a state.
    """
    names, trained = symbols or {}, sample.trained
    differs = trained & (sample.labels != sample.input_ids)
    found: list[Chip] = []
    roles, parts = sample.roles, sample.parts

    def kind(i: int) -> tuple[int, ...]:
        folded = (parts[i] == "content" and sample.message_index[i] in names) or (parts[i] == "tools" and symbols is not None)
        return (int(sample.message_index[i]), int(trained[i]), int(sample.part_codes[i])) if folded and not differs[i] else (i,)

    for together, run in groupby(range(len(sample)), kind):
        at = list(run)
        first, message = at[0], int(sample.message_index[at[0]])
        text = _shown(sample.token_bytes[first])
        if len(together) > 1:
            text = names[message] if parts[first] == "content" else f"tools ×{len(at)}"
        label = _shown(sample.tokenizer.token_bytes(int(sample.labels[first]))) if differs[first] else ""
        ids = tuple(sample.input_ids[np.array(at)].tolist())
        found.append(Chip(text, str(parts[first]), str(roles[first]), message, bool(trained[first]), label, ids))
    return found


def symbols(messages: Sequence[Message]) -> dict[int, str]:
    """What a textbook calls the messages: S, U1, A1, U2, A2; O1 is a tool result."""
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
