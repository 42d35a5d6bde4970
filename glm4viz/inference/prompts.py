"""inference_prompts: for each answer of a conversation, the ids that a server feeds the model before it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from glm4viz.conversation import Message
from glm4viz.errors import Glm4vizError, TokenizerError
from glm4viz.forms import Given, as_chat, is_glm4_form, take
from glm4viz.inference import glm4
from glm4viz.systems import chat_template
from glm4viz.systems.glm45 import GLM45, GLM47, Template, official
from glm4viz.systems.registry import load_tokenizer
from glm4viz.tokenizer import Ids, Tokenizer

TEMPLATES = ("glm4", "glm4-observation", "glm4.5", "glm4.7")
OPENERS = {"glm4.5": GLM45.opener, "glm4.7": GLM47.opener}  # what a server puts behind the last <|assistant|>, where it puts anything
Render = Callable[[Sequence[Message], Sequence[Any] | None], str]


class Prompt(NamedTuple):
    """What is fed before one answer: `ids` int32, or None and the reason in `error` where the template refuses."""

    message_index: int
    ids: Ids | None
    error: str = ""


def inference_prompts(
    messages: Given, template: str | Path = "glm4.5", tools: Sequence[Any] | None = None, *, tokenizer: Tokenizer | None = None
) -> list[Prompt]:
    """One prompt for each assistant message: the conversation before it as the template renders it, with the tag the model answers to.

    template: one of TEMPLATES, or a directory or hub id with a model's own (its tokenizer encodes then). `glm4` is given the messages
    as they are, `glm4-observation` in GLM-4's own form. Thinking is left on. Raises ConversationError and TokenizerError.
    """
    render, tok = renderer(template, tokenizer)
    given, found = _given(messages, tools)
    return [_prompt(render, tok, given, found, m) for m, message in enumerate(given) if message["role"] == "assistant"]


def renderer(template: str | Path, tokenizer: Tokenizer | None = None) -> tuple[Render, Tokenizer]:
    """The function that renders a template, and the tokenizer that its text is encoded with."""
    built_in: dict[str, tuple[Render, str]] = {
        "glm4": (glm4.render, "glm-4"),
        "glm4-observation": (lambda messages, tools: glm4.render(glm4.with_observations(messages), tools), "glm-4"),
        "glm4.5": (_official(GLM45), "glm-4.5"),
        "glm4.7": (_official(GLM47), "glm-4.5"),
    }
    if str(template) in built_in:
        render, vocabulary = built_in[str(template)]
        return render, tokenizer or load_tokenizer(vocabulary)
    tok = tokenizer or load_tokenizer(template)
    text = tok.chat_template or load_tokenizer(template).chat_template
    if text is None:
        raise TokenizerError(f"{template} has no chat template.", f"{template} 没有聊天模板。")
    chat_template.compiled(text)  # a template that can't be is an error of the call, not of each prompt
    return _own(text, tok.variables), tok


def _own(template: str, variables: Mapping[str, str]) -> Render:
    def render(messages: Sequence[Message], tools: Sequence[Any] | None) -> str:
        return chat_template.render(template, messages, tools or None, prompt=True, variables=variables).text

    return render


def _official(t: Template) -> Render:
    def render(messages: Sequence[Message], tools: Sequence[Any] | None) -> str:
        return "".join(segment.text for block in official(messages, tools, t) for segment in block) + "<|assistant|>" + t.opener

    return render


def _given(messages: Given, tools: Sequence[Any] | None) -> tuple[Sequence[Message], Sequence[Any] | None]:
    """Messages in the form they have; GLM-4's keep their roles, and only their tools are taken out."""
    bare = messages if isinstance(messages, list | tuple) else None
    if bare is not None and is_glm4_form(bare):
        return take(bare, "glm4").messages, tools or as_chat(bare).tools
    taken = take(messages, "openai", tools)
    return taken.messages, taken.tools


def _prompt(render: Render, tokenizer: Tokenizer, messages: Sequence[Message], tools: Sequence[Any] | None, m: int) -> Prompt:
    if m == 0:
        return Prompt(m, None, "ValueError: Cannot apply chat template to an empty conversation")
    try:
        return Prompt(m, np.array(tokenizer.encode(render(messages[:m], tools), specials=True), np.int32))
    except Glm4vizError as error:
        return Prompt(m, None, str(error))
    except Exception as error:  # a template of somebody's own may raise anything
        return Prompt(m, None, f"{type(error).__name__}: {error}")
