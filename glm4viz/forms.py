"""The two forms that a conversation can have, GLM-4's and OpenAI's, and the one in which a recipe takes it.

GLM-4 (2024) has a call's function in `metadata` and its arguments in `content`, results in role observation, tools inside a message.
GLM-4.5 and later are trained in OpenAI's form: `tool_calls`, `reasoning_content`, role tool, and tools of the whole conversation.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from glm4viz.conversation import (
    Chat,
    Conversation,
    Message,
    MessageError,
    check_messages,
    check_value,
    missing,
    wrong,
)
from glm4viz.texts import Text

CHAT_ROLES = ("system", "user", "assistant", "tool")
Given = Conversation | Chat | Mapping[str, Any] | Sequence[Message]
NOT_TOOLS = (", not a list. Write a list of functions.", "，不是列表。请写成函数的列表。")
IN_PARTS = (
    ", not a text. Read the record with read_conversations, which joins parts.",
    "，不是文本。请用 read_conversations 读取记录，它会把分段的内容连接起来。",
)
MAPPED: Text = {
    "en": "The conversation is in GLM-4's form: its calls became tool_calls, its observations role tool, its tools those of the conversation.",
    "zh": "这段对话是 GLM-4 的写法：其中的调用变成了 tool_calls，observation 变成了 tool 角色，tools 变成了整段对话的 tools。",
}


class Taken(NamedTuple):
    """Checked messages in the form that was asked for, the conversation's tools (None in GLM-4's form), and what was mapped."""

    messages: Sequence[Message]
    tools: Sequence[Any] | None = None
    notes: tuple[Text, ...] = ()


def take(given: Given, form: str, tools: Sequence[Any] | None = None) -> Taken:
    """What was given, in `form` ("glm4" or "openai"). A record is taken as it is stored. Raises ConversationError.

    GLM-4's form is mapped onto OpenAI's where that is asked for. The other way is the readers': a message may become several.
    """
    if form == "glm4":
        return _take_glm4(given, tools)
    notes: tuple[Text, ...] = ()
    if isinstance(given, Conversation):
        _check_found(given)
        given = given.chat or given.messages
    if not isinstance(given, Chat):
        messages, found = _of_record(given)
        given = Chat(messages, found)
        if is_glm4_form(messages):
            given, notes = as_chat(check_messages(messages)), (MAPPED,)
            given = given if found is None else Chat(given.messages, found, given.source)
    found = tools if tools is not None else given.tools
    return Taken(check_chat(given.messages, found), found, notes)


def _take_glm4(given: Given, tools: Sequence[Any] | None) -> Taken:
    if isinstance(given, Conversation):
        _check_found(given)
        messages: object = given.messages
    elif isinstance(given, Chat):
        messages, tools = given.messages, tools or given.tools
    else:
        messages, found = _of_record(given)
        tools = tools or found
    if tools:
        raise MessageError(
            "GLM-4's scripts read no tools but those inside a message. Put them on the system message, or read the record with "
            "read_conversations, which does.",
            "GLM-4 的脚本只读取消息里面的 tools。请把它们放在 system 消息上，或用 read_conversations 读取记录，它会这样做。",
            field="tools",
        )
    return Taken(check_messages(messages))


def _check_found(given: Conversation) -> None:
    if given.captured is not None and not given.messages and given.chat is None:
        raise MessageError(
            "No messages could be found in what the run fed: its role tags aren't known. Only the recipe captured can show it.",
            "在训练实际输入的内容里找不到消息：不认识其中的角色标签。只有配方 captured 能显示它。",
            field="messages",
        )


def _of_record(given: object) -> tuple[Any, Any]:
    """Messages and tools of a record as it is stored, or of bare messages."""
    if isinstance(given, Mapping) and "messages" in given:
        return given["messages"], given.get("tools")
    return given, None


def as_record(conversation: Conversation) -> dict[str, Any]:
    """The conversation as a record to write down: in OpenAI's form with its tools, if it was read in that, so that nothing is lost."""
    chat = conversation.chat
    if chat is None:
        return {"messages": conversation.messages}
    return {"messages": list(chat.messages)} | ({"tools": list(chat.tools)} if chat.tools else {})


# GLM-4's form as OpenAI's ---------------------------------------------------------------------------------------------


def is_glm4_form(messages: object) -> bool:
    """Whether anything in the messages is said in GLM-4's way only."""
    return isinstance(messages, list | tuple) and any(
        isinstance(message, Mapping) and (message.get("role") == "observation" or _is_call(message) or bool(message.get("tools")))
        for message in messages
    )


def as_chat(messages: Sequence[Message]) -> Chat:
    """Messages in GLM-4's form as OpenAI's has them. A call joins the answer right before it, which OpenAI's form keeps in one message."""
    chat: list[dict[str, Any]] = []
    tools: list[Any] = []
    source: list[int] = []
    for m, message in enumerate(messages):
        plain = {key: value for key, value in message.items() if key not in ("metadata", "tools")}
        tools += _own_tools(f"messages[{m}].tools", message)
        if message["role"] == "observation":
            chat.append(plain | {"role": "tool"})
        elif _is_call(message):
            call = {"type": "function", "function": {"name": message["metadata"].strip(), "arguments": _arguments(message["content"])}}
            if chat and chat[-1]["role"] == "assistant":
                chat[-1] = chat[-1] | {"tool_calls": [*chat[-1].get("tool_calls", ()), call]}
            else:
                chat.append(plain | {"content": "", "tool_calls": [call]})
        elif message["content"] or not message.get("tools") or (m == len(messages) - 1 and not chat):  # a conversation has a message
            chat.append(plain)
        else:  # it is there for its tools alone
            source.append(-1)
            continue
        source.append(len(chat) - 1)
    return Chat(chat, tools or None, tuple(source))


def _own_tools(field: str, message: Message) -> Sequence[Any]:
    tools = message.get("tools") or ()
    if isinstance(tools, list | tuple):
        return tools
    raise wrong(field, tools, *NOT_TOOLS)


def _is_call(message: Message) -> bool:
    return message.get("role") == "assistant" and isinstance(message.get("metadata"), str) and bool(message["metadata"].strip())


def _arguments(content: str | None) -> Any:
    """A call's arguments as an object if its text is one, else as the text."""
    try:
        value = json.loads(content or "{}")
    except (ValueError, RecursionError):
        return content
    return value if isinstance(value, dict) else content


# What OpenAI's form must look like ------------------------------------------------------------------------------------


def check_chat(messages: object, tools: object = None) -> list[Message]:
    """The messages as a list, or a MessageError that names the first thing wrong with them or with the conversation's tools."""
    if not isinstance(messages, list | tuple) or not messages:
        check_messages(messages)  # raises, with the same words as for GLM-4's form
    assert isinstance(messages, list | tuple)
    if tools is not None and not isinstance(tools, list | tuple):
        raise wrong("tools", tools, *NOT_TOOLS)
    for index, message in enumerate(messages):
        check_chat_message(index, message)
    for path, value in (("messages", list(messages)), ("tools", tools)):
        check_value(value, path)
    return list(messages)


def check_chat_message(index: int, message: object) -> None:
    """Raise a `MessageError` if this can't be a message of a conversation in OpenAI's form."""
    here = f"messages[{index}]"
    if not isinstance(message, Mapping):
        example = '{"role": "user", "content": "…"}'
        raise wrong(here, message, f", not a message. Write it as {example}.", f"，不是消息。请写成 {example}。")
    role, calls = message.get("role"), message.get("tool_calls")
    if role not in CHAT_ROLES:
        known = ", ".join(CHAT_ROLES)
        raise wrong(f"{here}.role", role, f". Use one of {known}.", f"。请改用 {known} 之一。")
    if message.get("function_call"):
        field = f"{here}.function_call"
        raise MessageError(
            f"{field} is the older name of tool_calls, which no recipe reads. Read the record with read_conversations, which maps it.",
            f"{field} 是 tool_calls 的旧名，没有配方会读取。请用 read_conversations 读取记录，它会转换。",
            field=field,
        )
    if calls:
        if role != "assistant":
            raise MessageError(
                f"{here}.tool_calls stands on a {role} message. Only an assistant calls tools.",
                f"{here}.tool_calls 不在 assistant 消息上。只有 assistant 可以调用工具。",
                field=f"{here}.tool_calls",
            )
        _check_calls(f"{here}.tool_calls", calls)
    for key in ("content", "reasoning_content"):
        value = message.get(key)
        if value is not None and not isinstance(value, str):
            raise wrong(f"{here}.{key}", value, *(IN_PARTS if isinstance(value, list) else (", not a text.", "，不是文本。")))
    if "content" not in message and not calls:
        raise missing(f"{here}.content")


def _check_calls(here: str, calls: object) -> None:
    if not isinstance(calls, list | tuple):
        raise _bad_call(here, calls)
    for number, call in enumerate(calls):
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            raise _bad_call(f"{here}[{number}]", call)
        if not isinstance(function.get("name"), str) or not function["name"]:
            raise _bad_call(f"{here}[{number}].function.name", function.get("name"))
        if not isinstance(function.get("arguments"), str | Mapping):
            raise _bad_call(f"{here}[{number}].function.arguments", function.get("arguments"))


def _bad_call(field: str, value: object) -> MessageError:
    form = '{"type": "function", "function": {"name": "…", "arguments": {…}}}'
    return wrong(field, value, f". Write a call as {form}.", f"。调用请写成 {form}。")


def function_of(call: Mapping[str, Any]) -> tuple[str, Any]:
    """Name and arguments of a call that was checked; the arguments are an object, or a text."""
    function = call.get("function", call)
    return function["name"], function["arguments"]
