"""Prime Intellect's renderers: GLM-4.5's template rewritten in Python, each token with a mark of who would have written it.

What is encoded together differs a little from the template: a piece ends at every special token that the renderer sets by its id, and
the newline between two calls stands only where no text stood before them.
"""

from collections.abc import Mapping, Sequence
from json import JSONDecodeError, dumps, loads
from typing import Any

from glm4viz.forms import function_of
from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import Recipe, Source
from glm4viz.systems.glm45 import GLM45, Thought, bytes_before, last_user, stripped, tools_block
from glm4viz.systems.trl_glm45 import ALIVE, HISTORY, STRIPPED


def render(messages: Sequence[Message], w: Writer) -> None:
    """A tag is trained where it follows an answer, which it ends; of an answer, everything behind its first newline."""
    w.special("[gMASK]", "prefix")
    w.special("<sop>", "prefix")
    if w.tools:
        tag, *text = tools_block(w.tools, GLM45)
        w.special(tag.text, tag.part)
        w.text(*text, specials=True)
    shown_from = last_user(messages) + 1
    for m, message in enumerate(messages):
        role, before = message["role"], messages[m - 1]["role"] if m else ""
        ends = m - 1 if before == "assistant" and role != "system" else None
        if role == "assistant":
            w.special("<|assistant|>", "role_tag", message=m)
            w.text(Segment("newline", "\n", m), specials=True)
            answer(w, m, message, shown=m >= shown_from)
        elif role == "tool":
            if before != "tool":
                w.special("<|observation|>", "role_tag", message=m, mask=ends is not None, owner=ends)
            before_it, after_it = (Segment("separator", text, m) for text in ("\n<tool_response>\n", "\n</tool_response>"))
            w.text(before_it, content(m, message), after_it, specials=True)
        else:
            w.special(f"<|{role}|>", "role_tag", message=m, mask=ends is not None, owner=ends)
            w.text(Segment("newline", "\n", m), content(m, message), specials=True)


def content(m: int, message: Message) -> Segment:
    """The content as given; a null one is written as the word None."""
    given = message.get("content")
    return Segment("content", "None", m) if given is None else Segment("content", given, m, 0)


def answer(w: Writer, m: int, message: Message, *, shown: bool) -> None:
    """Thought, text and calls, all trained."""
    found, calls = think_apart(message), message.get("tool_calls") or ()
    text, start = stripped(found.text, found.text_start)

    def special(name: str, part: str) -> None:
        w.special(name, part, message=m, mask=True)

    def write(*segments: Segment) -> None:
        w.text(*segments, mask=True, specials=True)

    special("<think>", "think")
    if shown and found.thought:
        thought, at = stripped(found.thought, found.thought_start)
        write(Segment("think", thought, m, at))
    special("</think>", "think")
    newline = Segment("separator", "\n", m)
    if text:
        write(newline, Segment("content", text, m, start), *((newline,) if calls else ()))
    for call in calls:
        if not text:
            write(newline)
        name, arguments = function_of(call)
        special("<tool_call>", "tool_call")
        write(Segment("tool_call", f"{name}\n", m))
        for key, value in parsed(arguments).items():
            special("<arg_key>", "arguments")
            write(Segment("arguments", key, m))
            special("</arg_key>", "arguments")
            write(Segment("arguments", "\n", m))
            special("<arg_value>", "arguments")
            write(Segment("arguments", value if isinstance(value, str) else dumps(value, ensure_ascii=False), m))
            special("</arg_value>", "arguments")
            write(Segment("arguments", "\n", m))
        special("</tool_call>", "tool_call")


def think_apart(message: Message) -> Thought:
    """As the template does, but for a thought in the content: the text begins behind the *first* </think>."""
    given = content(0, message)
    if isinstance(message.get("reasoning_content"), str):
        return Thought(message["reasoning_content"], -1, given.text, given.start)
    if "</think>" not in given.text:
        return Thought("", -1, given.text, given.start)
    before, after = given.text.split("</think>", 1)
    inner, text = before.split("<think>")[-1].lstrip("\n"), after.lstrip("\n")
    return Thought(inner.rstrip("\n"), bytes_before(before, inner), text, bytes_before(given.text, text))


def parsed(arguments: Any) -> Mapping[str, Any]:
    """The arguments as an object; a text that doesn't hold one leaves none."""
    if isinstance(arguments, str):
        try:
            arguments = loads(arguments)
        except JSONDecodeError:
            return {}
    return arguments if isinstance(arguments, Mapping) else {}


RECIPES = (
    Recipe(
        id="renderers-glm4.5",
        system="renderers",
        source=Source("PrimeIntellect-ai/renderers", "renderers/glm45.py", "0.1.12", "2026-10-12"),
        rule={
            "en": "Everything of an answer behind <|assistant|> and its newline is trained, the thought and the calls included, and the <|user|> "
            "or <|observation|> that follows it as its stop. The last answer has no tag after it, so its stop isn't taught.",
            "zh": "训练回答中 <|assistant|> 及其换行之后的全部内容，包括思考和调用，以及紧随其后、作为停止信号的 <|user|> 或 <|observation|>。"
            "最后一个回答之后没有标签，所以学不到停止。",
        },
        max_length={
            "en": "renderers has no limit of its own; a limit given to glm4viz cuts the tail",
            "zh": "renderers 自身没有长度上限；给 glm4viz 的上限会丢弃尾部",
        },
        layout=render,
        form="openai",
        vocabulary="glm-4.5",
        served="glm4.5",
        quirks=(
            {
                "en": "Before this rule the stop wasn't trained: a fine-tune made 50 to 283 tool calls a turn (renderers #66, prime-rl #2644). "
                "ensure_final_stop, which would teach the last one, is off by default.",
                "zh": "在有这条规则之前停止 token 不训练：有微调模型一轮就发出 50 到 283 个工具调用（renderers #66、prime-rl #2644）。"
                "能让最后一个回答也学会停止的 ensure_final_stop 默认关闭。",
            },
            {
                "en": "Between two calls behind a text there is no newline, where the template has one.",
                "zh": "正文之后的两个调用之间没有换行，而模板里有。",
            },
            {
                "en": "A <|system|> that follows an answer is not trained.",
                "zh": "紧跟在回答之后的 <|system|> 不训练。",
            },
            {
                "en": "A literal </think> in the content is split at the first one; the template takes the text behind the last one.",
                "zh": "正文里写出的 </think> 按第一个拆分；模板取最后一个之后的文本。",
            },
            {
                "en": "Arguments given as JSON text are parsed; a text that isn't JSON leaves a call without arguments.",
                "zh": "以 JSON 文本给出的参数会被解析；不是 JSON 的文本会让调用没有参数。",
            },
            HISTORY,
            STRIPPED,
            ALIVE,
        ),
    ),
)
