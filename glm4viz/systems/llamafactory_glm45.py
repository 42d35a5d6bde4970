"""LLaMA-Factory, templates glm4_moe (GLM-4.5), glm4_7 and glmz1: pairs as for GLM-4, with a thought in front of every answer.

Before LLaMA-Factory sees a conversation, it has to be put into its sharegpt form: reasoning_content joins the content between the
template's thought words, calls become a JSON text behind it, and tool results in a row one observation. Its openai form reads the
messages as they are, and leaves the reasoning out.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from glm4viz.errors import RecipeRejects
from glm4viz.forms import function_of
from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import Recipe, Source
from glm4viz.systems import llamafactory
from glm4viz.systems.glm45 import GLM45, argument, tools_text, with_thought
from glm4viz.systems.llamafactory import EOS, MAX_LENGTH, share_out, skipped
from glm4viz.texts import Text

RESULTS_JOINT = "\n</tool_response>\n<tool_response>\n"
Calls = Sequence[tuple[str, Any]]  # name and arguments of each


class Template(NamedTuple):
    """`words` stand around a thought, `empty` is written where an answer has none."""

    words: tuple[str, str]
    empty: str
    tools_text: Callable[[Sequence[Any]], str]
    calls: Callable[[Calls, int], list[Segment]]


# What is written ------------------------------------------------------------------------------------------------------


def encode(template: Template, *, openai: bool = False) -> Callable[[Sequence[Message], Writer], None]:
    """The pairs of one conversation: a question up to and with <|assistant|>, and a trained answer."""

    def layout(messages: Sequence[Message], w: Writer) -> None:
        check_texts(messages, openai)
        turns = turns_of(messages, forget_last_results=openai)
        w.text(Segment("prefix", "[gMASK]<sop>"), specials=True)
        write_system(messages[0], w, template, openai)
        for i in range(0, len(turns), 2):
            write_question(turns[i], i, messages, w, after=turns[i - 1][0] if i else None)
            (m,) = turns[i + 1]
            w.special("<|assistant|>", "role_tag", message=m)
            write_answer(messages[m], m, w, template, openai)
        w.special(EOS, "stop", mask=True, owner=turns[-1][0])

    return layout


def write_system(first: Message, w: Writer, template: Template, openai: bool) -> None:
    """System text and tools share one block."""
    m = 0 if first["role"] == "system" else -1
    content = first["content"] or "" if m == 0 else ""
    more = thinking_off(content, w.tools) if openai else ""
    tools = Segment("tools", template.tools_text(w.tools) if w.tools else "", m)
    if content or more or tools.text or (openai and w.tools is not None):
        w.special("<|system|>", "role_tag", message=m)
        w.text(Segment("newline", "\n", m), Segment("content", content, m, 0), Segment("content", more, m), tools, specials=True)


def thinking_off(system: str, tools: Sequence[Any] | None) -> str:
    """What the openai converter adds to a system text. An empty list of tools counts as tools there: it is the text []."""
    if tools is not None:
        return "\n" if system else ""
    said = "detailed thinking on" in system or "detailed thinking off" in system
    return "" if said else "\n" * bool(system) + "detailed thinking off"


def write_question(turn: Sequence[int], i: int, messages: Sequence[Message], w: Writer, after: int | None) -> None:
    """`after` is the answer before it, which the tag's label ends. {{idx}} in a question is filled with its number."""
    role = "user" if messages[turn[0]]["role"] == "user" else "observation"
    w.special(f"<|{role}|>", "role_tag", message=turn[0], label=None if after is None else EOS, owner=after)
    segments = [Segment("newline", "\n", turn[0])]
    for m in turn:
        content = messages[m]["content"]
        text = content.replace("{{idx}}", str(i // 2), 1) if role == "user" else content
        segments += [
            Segment("separator", RESULTS_JOINT if m > turn[0] else "", m),
            Segment("content", text, m, 0 if text == content else -1),
        ]
    w.text(*segments, specials=True)


def write_answer(message: Message, m: int, w: Writer, template: Template, openai: bool) -> None:
    """An answer with neither word of a thought gets an empty one, in front of its newline and encoded apart."""
    reasoning, given = message.get("reasoning_content"), message.get("tool_calls")
    thought = "" if openai or not reasoning else reasoning.join(template.words)
    content = "" if openai and given else message.get("content") or ""
    handed, body = thought + content, [Segment("think", thought, m), *with_thought(m, content)]
    if given:
        text = calls_json(given, openai)
        handed += f"<tool_call>{text}</tool_call>" if content else text
        front, calls = read_calls(handed, template, m)
        body = [*(body if front == thought + content else [Segment("content", front, m)]), *calls]
    else:
        body.insert(0, Segment("newline", "\n", m))
    if not any(word.strip() in handed for word in template.words):
        w.text(Segment("think", template.empty, m), mask=True, specials=True)
    w.text(*body, mask=True, specials=True)


# Calls ----------------------------------------------------------------------------------------------------------------


def calls_json(given: Sequence[Any], openai: bool) -> str:
    """The calls as the JSON text in which LLaMA-Factory takes them."""
    if openai and any("function" not in call for call in given):
        raise crashes("KeyError: 'function'", "a call has no function around its name", "有调用缺少 function 这一层")
    functions = [call["function"] if openai else dict(zip(("name", "arguments"), function_of(call), strict=True)) for call in given]
    return json.dumps(functions, ensure_ascii=False)


def read_calls(handed: str, template: Template, m: int) -> tuple[str, list[Segment]]:
    """What stands before the calls, and the calls: found again in the text by LLaMA-Factory's patterns, which typed tags mislead."""
    call = re.search("<tool_call>(.*?)</tool_call>", handed, re.DOTALL)
    thought = re.search("(.*?)".join(map(re.escape, template.words)), handed, re.DOTALL)
    if call:
        front, text = handed.replace(call[0], ""), call[1]
    else:
        front = thought[0] if thought else ""
        text = handed.replace(front, "") if front else handed
    try:
        found = json.loads(text)
        calls = [(call["name"], call["arguments"]) for call in (found if isinstance(found, list) else [found])]
        return front, template.calls(calls, m)
    except (ValueError, RecursionError):
        raise crashes(
            "RuntimeError: Invalid JSON format in function message",
            "tags typed in the thought, content or arguments hide the calls",
            "思考、正文或参数里写出的标签使它找不到调用",
        ) from None
    except (KeyError, TypeError, AttributeError) as error:
        what = "it can't write a call whose arguments are not an object", "参数不是对象的调用它写不出来"
        raise crashes(f"{type(error).__name__}: {error}", *what) from None


def moe_calls(calls: Calls, m: int) -> list[Segment]:
    """GLM-4.5's markup, but a call is never closed."""
    segments = []
    for number, (name, arguments) in enumerate(calls):
        segments.append(Segment("tool_call", "\n" * bool(number) + "\n<tool_call>" + name, m))
        segments += [Segment("arguments", "\n" + argument(key, value, GLM45), m) for key, value in arguments.items()]
    return segments


def z1_call(calls: Calls, m: int) -> list[Segment]:
    if len(calls) != 1:
        error = "ValueError: GLM-4 does not support parallel functions." if calls else "IndexError: list index out of range"
        raise crashes(error, "this template writes one call in an answer", "这个模板在一个回答里只写一次调用")
    name, arguments = calls[0]
    return [Segment("tool_call", f"{name}\n", m), Segment("arguments", json.dumps(arguments, ensure_ascii=False), m)]


def moe_tools(tools: Sequence[Any]) -> str:
    try:
        wrapped = [tool if tool.get("type") == "function" else {"type": "function", "function": tool} for tool in tools]
    except AttributeError as error:
        raise crashes(f"AttributeError: {error}", "a tool is not an object", "有 tool 不是对象") from None
    return "\n\n" + tools_text(wrapped, GLM45) + "\n"


# What it refuses ------------------------------------------------------------------------------------------------------


def turns_of(messages: Sequence[Message], *, forget_last_results: bool) -> list[list[int]]:
    """Message numbers of each question (tool results in a row are one) and each answer, alternating. Raises RecipeRejects."""
    first = int(messages[0]["role"] == "system")
    turns: list[list[int]] = []
    for m in range(first, len(messages)):
        if m > first and messages[m]["role"] == messages[m - 1]["role"] == "tool":
            turns[-1].append(m)
        else:
            turns.append([m])
    if forget_last_results and turns and messages[turns[-1][0]]["role"] == "tool":
        turns.pop()
    for i, (m, *_) in enumerate(turns):
        if messages[m]["role"] not in (("assistant",) if i % 2 else ("user", "tool")):
            raise skipped(
                f"Invalid role tag: message {m} is {messages[m]['role']}, where {'assistant' if i % 2 else 'user or tool'} must stand",
                f"Invalid role tag：第 {m} 条消息是 {messages[m]['role']}，这里应当是 {'assistant' if i % 2 else 'user 或 tool'}",
            )
    if not turns or len(turns) % 2:
        raise skipped("Invalid message count: the last question has no answer", "Invalid message count：最后一个问题没有回答")
    return turns


def check_texts(messages: Sequence[Message], openai: bool) -> None:
    """A null content passes in a system message, with calls, and, in the sharegpt form, behind a thought."""
    for m, message in enumerate(messages):
        if openai and "content" not in message:
            raise crashes("KeyError: 'content'", f"message {m} has no content", f"第 {m} 条消息没有 content")
        forgotten = openai and all(later["role"] == "tool" for later in messages[m:])
        thought = not openai and message["role"] == "assistant" and message.get("reasoning_content")
        if message.get("content") is None and not (message["role"] == "system" or message.get("tool_calls") or forgotten or thought):
            error = "TypeError: expected str" if message["role"] == "tool" else "RuntimeError: Expected a string, got None"
            raise crashes(error, f"message {m} has no text", f"第 {m} 条消息没有文本")


def crashes(error: str, en: str, zh: str) -> RecipeRejects:
    return RecipeRejects(
        f"LLaMA-Factory stops at this conversation ({error}): {en}.", f"LLaMA-Factory 会在这段对话上报错（{error}）：{zh}。"
    )


# The recipes ----------------------------------------------------------------------------------------------------------

MOE = Template(("<think>\n", "\n</think>\n\n"), "<think>\n\n</think>\n\n", moe_tools, moe_calls)
GLM47 = Template(("<think>", "</think>"), "</think>", moe_tools, moe_calls)
Z1 = MOE._replace(tools_text=llamafactory.tools_text, calls=z1_call)
RULE: Text = {
    "en": "Every answer is trained, with its thought: a real one or an empty one. Each is taught to end in <|endoftext|>, the label at the next "
    "tag, and a token of its own after the last answer.",
    "zh": "训练每个回答，连同思考（真正的或空的）。每个回答都被教成以 <|endoftext|> 结束：它是下一个标签处的标签值，最后一个回答之后则是真正的 token。",
}
HANDED: Text = {
    "en": "The conversation is first put into the sharegpt form: reasoning in front of the content, between thought words, calls as JSON behind "
    "it. The reasoning of every turn is trained; the official template drops it before the last question.",
    "zh": "对话先转成 sharegpt 形式：思考放在正文之前，夹在思考标记之间，调用以 JSON 放在其后。每一轮的思考都参与训练；官方模板会丢弃最后一个提问之前的思考。",
}
QUIRKS: tuple[Text, ...] = (
    {
        "en": "GLM-4.5 itself ends a turn with <|user|> or <|observation|>; here it is taught <|endoftext|> at those places.",
        "zh": "GLM-4.5 本身用 <|user|> 或 <|observation|> 结束一轮；这里在这些位置教的却是 <|endoftext|>。",
    },
    {
        "en": "The newline after <|assistant|> comes before a real thought, after an empty one (which is encoded apart), and is missing before a "
        "call. An answer that merely mentions <think> or </think> gets no empty thought.",
        "zh": "<|assistant|> 后的换行在真正的思考之前、在（单独编码的）空思考之后，在调用之前则没有。只是提到 <think> 或 </think> 的回答不会加上空思考。",
    },
    {
        "en": "Conversations that don't alternate are dropped with a warning. Null contents and arguments that are a text crash; a <tool_call> "
        "typed in an answer with calls may crash too, or is trained in their place.",
        "zh": "不交替的对话会在警告后被丢弃。content 为 null、参数是文本时会报错；带调用的回答里写出的 <tool_call> 也可能报错，或取代调用参与训练。",
    },
)
OPEN_CALLS: Text = {
    "en": "A call is never closed with </tool_call>, and an empty line stands between two. Results are not wrapped in <tool_response>; those "
    "in a row are joined by a </tool_response> and a <tool_response>. PR #10770 is about such differences from the official template.",
    "zh": "调用从不以 </tool_call> 结束，两个调用之间有一个空行。工具结果不包在 <tool_response> 里；连续的结果用 </tool_response> 和 "
    "<tool_response> 连接。PR #10770 讨论这类与官方模板的差异。",
}


def _recipe(id: str, template: Template, *quirks: Text, openai: bool = False) -> Recipe:
    return Recipe(
        id=id,
        system="LLaMA-Factory",
        source=Source("hiyouga/LLaMA-Factory", "src/llamafactory/data/template.py", "ff6d4d1", "2026-08-18"),
        rule=RULE,
        max_length=MAX_LENGTH,
        layout=encode(template, openai=openai),
        fit=share_out(last_first=False),
        form="openai",
        vocabulary="glm-4.5",
        quirks=(*quirks, *QUIRKS),
    )


RECIPES = (
    _recipe("llamafactory-glm4.5", MOE, HANDED, OPEN_CALLS),
    _recipe(
        "llamafactory-glm4.7",
        GLM47,
        HANDED,
        OPEN_CALLS,
        {
            "en": "It writes GLM-4.5's newlines, after tags and in calls, which GLM-4.7 doesn't have; an empty thought is a lone </think>.",
            "zh": "它写出 GLM-4.5 的换行（标签后和调用里），而 GLM-4.7 没有这些换行；空思考只是一个 </think>。",
        },
    ),
    _recipe(
        "llamafactory-glmz1",
        Z1,
        HANDED,
        {
            "en": "A call is its name and JSON, as in GLM-4, and runs into content before it without a newline. Two calls in an answer crash.",
            "zh": "调用与 GLM-4 一样是函数名加 JSON，与之前的正文之间没有换行。一个回答里有两次调用会报错。",
        },
    ),
    _recipe(
        "llamafactory-glm4.5-openai",
        MOE,
        OPEN_CALLS,
        {
            "en": "formatting: openai ignores reasoning_content, throws away the content of an answer with calls, and forgets tool results at the "
            "end. Without tools it adds detailed thinking off to the system text. An answer without a content key crashes.",
            "zh": "formatting: openai 忽略 reasoning_content，丢掉带调用的回答的正文，末尾的工具结果也会丢失。没有 tools 时，它在 system 文本后加上 "
            "detailed thinking off。缺少 content 键的回答会报错。",
        },
        openai=True,
    ),
)
