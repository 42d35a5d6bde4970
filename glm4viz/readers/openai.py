"""OpenAI's chat form, mapped onto GLM-4's."""

import json
from collections.abc import Iterator
from typing import Any

from glm4viz.conversation import OPENAI_ROLES, Chat, MessageError, check_message, check_messages, wrong
from glm4viz.readers.fields import Message, Record, Said, from_json, put_tools, with_tools_read
from glm4viz.texts import Text

CALL: Text = {
    "en": "A tool call became an assistant message: the function's name as metadata, the arguments as content.",
    "zh": "工具调用变成了 assistant 消息：函数名放在 metadata，参数放在 content。",
}
SEVERAL_CALLS: Text = {
    "en": "Several calls of one message became messages in a row: GLM-4 has no parallel calls.",
    "zh": "一条消息中的多个调用变成了连续的几条消息：GLM-4 没有并行调用。",
}
RESULT: Text = {
    "en": "A tool result (role tool or function) became an observation; its tool_call_id and name were dropped.",
    "zh": "工具结果（角色 tool 或 function）变成了 observation；tool_call_id 和 name 已去掉。",
}
REASONING: Text = {
    "en": "reasoning_content is kept. Only recipes of GLM-4.5 and later read it.",
    "zh": "reasoning_content 会保留。只有 GLM-4.5 及以后的配方会读取它。",
}
DEVELOPER: Text = {"en": "The role developer became system.", "zh": "角色 developer 变成了 system。"}
PARTS: Text = {
    "en": "Content in parts was joined into one text, with nothing in between.",
    "zh": "分段的 content 已直接连成一个文本。",
}
TOOLS_TEXT: Text = {
    "en": "The record's tools were a text that holds JSON; the list in it was read.",
    "zh": "记录的 tools 是一段 JSON 文本；已读取其中的列表。",
}
_CALLS = ("tool_calls", "function_call")


def is_openai(record: Record) -> bool:
    """Whether the record has messages, and anything in it is said in OpenAI's way only."""
    if "messages" not in record:
        return False
    messages = record["messages"]
    return bool(record.get("tools") or record.get("functions")) or (isinstance(messages, list) and any(map(_is_openai_message, messages)))


def _is_openai_message(message: object) -> bool:
    if not isinstance(message, dict):
        return False
    role = message.get("role")
    return (
        bool(message.get("tool_calls") or message.get("function_call"))
        or (isinstance(role, str) and role in OPENAI_ROLES)
        or isinstance(message.get("content"), list)
    )


def map_openai(record: Record, said: Said) -> tuple[list[Message], Chat]:
    """The record's messages in GLM-4's form, and in OpenAI's own. Raises `MessageError`, with the field as the file has it."""
    messages = record["messages"]
    if not isinstance(messages, list) or not messages:
        check_messages(messages)  # raises
    messages = with_tools_read(messages, said)
    tools = _tools(record, said)
    mapped: list[Message] = []
    source: list[int] = []
    for index, message in enumerate(messages):
        mapped += map_message(index, message, said)
        source += [index] * (len(mapped) - len(source))
    if tools:
        put_tools(tools, mapped, said)
    inserted = [-1] * (len(mapped) - len(source))  # a message for the tools alone
    inner = [tool for message in messages for tool in message.get("tools") or ()]
    return mapped, Chat([_plain(message) for message in messages], tools or inner or None, (*inserted, *source))


def _plain(message: Message) -> Message:
    """A message that was mapped without fault, with the older names of things written as the newer ones and its parts joined."""
    plain = {key: value for key, value in message.items() if key not in ("function_call", "tools")}
    role, call = message.get("role"), message.get("function_call")
    plain["role"] = {"developer": "system", "function": "tool", "observation": "tool"}.get(str(role), role)
    if isinstance(message.get("content"), list):
        plain["content"] = "".join(part if isinstance(part, str) else part["text"] for part in message["content"])
    if call:
        plain["tool_calls"] = [*(message.get("tool_calls") or ()), {"type": "function", "function": call}]
    return plain


def _tools(record: Record, said: Said) -> list[Any]:
    tools = record.get("tools")
    if isinstance(tools, str):
        tools = from_json(tools, "tools") if tools.strip() else None
        said["tools text"] = TOOLS_TEXT
    if not tools and isinstance(functions := record.get("functions"), list):  # the older name
        return [{"type": "function", "function": function} for function in functions]
    if not tools:
        return []
    if not isinstance(tools, list):
        raise wrong(
            "tools",
            tools,
            ", not a list. Write the list of functions.",
            "，不是列表。请写成函数的列表。",
        )
    return tools


def map_message(index: int, message: object, said: Said, under: str = "messages") -> Iterator[Message]:
    """The messages that one of OpenAI's, or one of GLM-4's own, stands for. `under`: the field that the list of them is in."""
    if isinstance(message, dict) and _is_openai_message(message):
        return _map_message(index, message, said, under)
    check_message(index, message, under)
    assert isinstance(message, dict)
    return iter((message,))


def _map_message(index: int, message: Message, said: Said, under: str) -> Iterator[Message]:
    here = f"{under}[{index}]"
    calls = _calls(here, message)
    plain = {key: value for key, value in message.items() if key not in _CALLS or not value}
    role = message.get("role")
    if isinstance(role, str) and role in OPENAI_ROLES:
        plain["role"] = OPENAI_ROLES[role]
        if role == "developer":
            said["developer"] = DEVELOPER
        else:
            said["result"] = RESULT
            plain = {key: value for key, value in plain.items() if key not in ("tool_call_id", "name")}
    if isinstance(message.get("content"), list) and (message["content"] or not calls):
        plain["content"] = _joined(f"{here}.content", message["content"])
        said["parts"] = PARTS
    if calls and not plain.get("content"):
        plain["content"] = ""  # absent, null and [] are all fine beside calls
    check_message(index, plain, under)
    if calls and plain["role"] != "assistant":
        raise MessageError(
            f"{here} has tool calls, but its role is {plain['role']}. Only an assistant calls tools: change the role.",
            f"{here} 有工具调用，但角色是 {plain['role']}。只有 assistant 可以调用工具：请改角色。",
            field=f"{here}.role",
        )
    if plain.get("reasoning_content"):
        said["reasoning"] = REASONING
    if plain["content"] or not calls:
        yield plain
        plain = {key: value for key, value in plain.items() if key != "reasoning_content"}
    for name, arguments in calls:
        said["call"] = CALL
        yield {**plain, "metadata": name, "content": arguments}
        plain = {key: value for key, value in plain.items() if key != "reasoning_content"}
    if len(calls) > 1:
        said["several"] = SEVERAL_CALLS


def _calls(here: str, message: Message) -> list[tuple[str, str]]:
    """Name and arguments of each call the message makes."""
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise _bad_call(f"{here}.tool_calls", calls)
    found = []
    for number, call in enumerate(calls):
        field = f"{here}.tool_calls[{number}]"
        if isinstance(call, dict) and "function" in call:
            field, call = f"{field}.function", call["function"]
        found.append(read_call(field, call))
    if function_call := message.get("function_call"):
        found.append(read_call(f"{here}.function_call", function_call))
    return found


def read_call(field: str, call: object) -> tuple[str, str]:
    """Name and arguments of one call {name, arguments}; the arguments as a text, or an object that is written as one."""
    if not isinstance(call, dict):
        raise _bad_call(field, call)
    name, arguments = call.get("name"), call.get("arguments")
    if not isinstance(name, str) or not name:
        raise _bad_call(f"{field}.name", name)
    if isinstance(arguments, dict):
        return name, json.dumps(arguments, ensure_ascii=False)
    if not isinstance(arguments, str):
        raise _bad_call(f"{field}.arguments", arguments)
    return name, arguments


def _bad_call(field: str, value: object) -> MessageError:
    return wrong(
        field,
        value,
        '. Write a call as {"function": {"name": "…", "arguments": "{…}"}}.',
        '。调用请写成 {"function": {"name": "…", "arguments": "{…}"}}。',
    )


def _joined(field: str, parts: list[object]) -> str:
    texts = []
    for index, part in enumerate(parts):
        text = part.get("text") if isinstance(part, dict) else part
        if not isinstance(text, str):
            kind = part.get("type") if isinstance(part, dict) else None
            raise wrong(
                f"{field}[{index}]",
                kind if isinstance(kind, str) else part,
                ", not a text. Only text can be read: remove images, audio and the like.",
                "，不是文本。只能读取文本：请去掉图片、音频等。",
            )
        texts.append(text)
    if not texts:
        raise MessageError(
            f"{field} is an empty list. Put the text in it, in quotes.", f"{field} 是空列表。请写入带引号的文本。", field=field
        )
    return "".join(texts)
