"""What can be mended in a conversation without a guess, each change said in words.

A change belongs here only if the model would be trained on the same text without it, or would not be trained at all. Whatever leaves a choice is
for the person whose data it is.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from glm4viz.forms import function_of
from glm4viz.layout import Message
from glm4viz.linter.case import is_call
from glm4viz.linter.mend_texts import TEXT_STEPS, texts_of
from glm4viz.linter.repair import openai_tools
from glm4viz.texts import Text, Worded, both

Messages = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Change(Worded):
    """One thing that was mended; message_index counts in the messages as they were given, -1: the field says all.

    kind: one word for what was done; before, after: the field's value, or None where there was or is none.
    """

    message_index: int
    field: str
    said: Text = dataclasses.field(hash=False)
    kind: str = ""
    before: Any = dataclasses.field(default=None, hash=False, repr=False)
    after: Any = dataclasses.field(default=None, hash=False, repr=False)

    @property
    def path(self) -> str:
        """The field from the record on, such as `messages[2].content`."""
        if self.message_index < 0:
            return self.field
        return f"messages[{self.message_index}]" + (f".{self.field}" if self.field else "")


_SAID: dict[str, Text] = {
    "null": both("null removed", "删去 null"),
    "tools": both("{name, args} written in OpenAI's form", "{name, args} 改成 OpenAI 的写法"),
    "copy": both("the same tools stand on a system message: removed here", "同样的 tools 已在 system 消息上：此处删去"),
    "bom": both("byte order mark at the start removed", "删去开头的字节顺序标记"),
    "wrong-encoding": both("UTF-8 that was read in another encoding, read again", "被误读编码的 UTF-8 文本，已还原"),
    "zero-width": both("zero-width characters removed", "删去零宽字符"),
    "role": both("role renamed", "改正角色名"),
    "literal": both("Python literal written as JSON", "Python 字面量改写为 JSON"),
    "text": both("tools turned from a JSON text into a list", "tools 从 JSON 文本改成列表"),
    "prefix": both("[gMASK]<sop> at the start removed: every recipe writes it", "删去开头的 [gMASK]<sop>：每个配方都会自己写"),
    "call": both("name moved to metadata, only the arguments left in content", "函数名移到 metadata，content 里只留参数"),
    "object": both("arguments turned from a JSON text into an object", "参数从 JSON 文本改成对象"),
    "last": both("empty message at the end removed: GLM-4 writes nothing for it", "删去末尾的空消息：GLM-4 不会为它写出任何内容"),
}


def mend(messages: Sequence[Message], *, openai: bool = False) -> tuple[Messages, list[Change]]:
    """The mended messages, and what was changed. The given ones are left alone. `openai`: they are in OpenAI's form, not in GLM-4's."""
    mended: Messages = [dict(message) for message in messages]
    changes: list[Change] = []

    def say(m: int, field: str, kind: str) -> None:
        before = messages[m].get(field) if field else messages[m]
        after = mended[m].get(field) if field else None
        changes.append(change(m, field, kind, before, after))

    steps = (_texts, _arguments) if openai else (_nulls, _tools_texts, _tools, _copies, _texts, _calls, _empty_end)
    for step in steps:
        step(mended, say)
    return mended, changes


def change(m: int, field: str, kind: str, before: Any = None, after: Any = None) -> Change:
    """A change of a known kind, in its words."""
    return Change(m, field, _SAID[kind], kind, before, after)


def mend_texts(record: dict[str, Any]) -> list[Change]:
    """The texts of a record of any form, mended in it."""
    changes = []
    for slot in texts_of(record):
        for kind, step in TEXT_STEPS:
            before = slot.holder[slot.key]
            if (after := step(before)) != before:
                slot.holder[slot.key] = after
                changes.append(change(slot.message, slot.field, kind, before, after))
    return changes


# Each step changes the messages in place and says so. ----------------------------------------------------------------

Say = Callable[[int, str, str], None]


def _nulls(messages: Messages, say: Say) -> None:
    for m, message in enumerate(messages):
        for key in ("metadata", "tools"):
            if key in message and message[key] is None:
                del message[key]
                say(m, key, "null")


def _tools_texts(messages: Messages, say: Say) -> None:
    for m, message in enumerate(messages):
        if isinstance(text := message.get("tools"), str):
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, list):
                message["tools"] = value
                say(m, "tools", "text")


def _tools(messages: Messages, say: Say) -> None:
    for m, changed in enumerate(openai_tools(messages)):
        if changed.get("tools") != messages[m].get("tools"):
            messages[m]["tools"] = changed["tools"]
            say(m, "tools", "tools")


def _copies(messages: Messages, say: Say) -> None:
    declared = [message["tools"] for message in messages if message["role"] == "system" and message.get("tools")]
    for m, message in enumerate(messages):
        if message["role"] != "system" and "tools" in message and message["tools"] in (*declared, []):
            del message["tools"]
            say(m, "tools", "copy")


def _texts(messages: Messages, say: Say) -> None:
    for found in mend_texts({"messages": messages}):
        say(found.message_index, found.field, found.kind)


def _calls(messages: Messages, say: Say) -> None:
    """Only a call that answers for itself: of a declared function, and followed by its result."""
    declared = {tool["function"]["name"] for message in messages for tool in message.get("tools") or [] if _is_openai(tool)}
    for m, message in enumerate(messages[:-1]):
        if message["role"] != "assistant" or is_call(message) or messages[m + 1]["role"] != "observation":
            continue
        try:
            call = json.loads(message["content"] or "")
        except (ValueError, RecursionError):
            continue
        if not isinstance(call, dict) or call.keys() != {"name", "arguments"} or call["name"] not in declared:
            continue
        arguments = call["arguments"]
        message["metadata"] = call["name"]
        message["content"] = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        say(m, "content", "call")


def _arguments(messages: Messages, say: Say) -> None:
    """GLM-4.5's template goes through an object; the text that OpenAI's servers send holds one."""
    for m, message in enumerate(messages):
        calls = message.get("tool_calls")
        if message["role"] != "assistant" or not calls:
            continue
        mended = [_with_object(call) for call in calls]
        if mended != list(calls):
            message["tool_calls"] = mended
            say(m, "tool_calls", "object")


def _with_object(call: Any) -> Any:
    """The call with its arguments as an object, or as it is if they hold none, or one that JSON couldn't be written from again."""
    name, arguments = function_of(call)
    try:
        value = json.loads(arguments) if isinstance(arguments, str) else None
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return call
    if not isinstance(value, dict):
        return call
    function = {**call.get("function", call), "name": name, "arguments": value}
    return {**call, "function": function} if "function" in call else function


def _is_openai(tool: object) -> bool:
    return isinstance(tool, dict) and isinstance(tool.get("function"), dict) and isinstance(tool["function"].get("name"), str)


def _empty_end(messages: Messages, say: Say) -> None:
    while len(messages) > 1 and not messages[-1]["content"] and not messages[-1].get("tools"):
        say(len(messages) - 1, "", "last")
        messages.pop()
