"""Taking the fields out of a record of another tool's format. What is wrong with one is said with its name in the file."""

import json
from collections.abc import Iterator
from typing import Any

from glm4viz.conversation import MessageError, find_surrogate, missing, not_text, surrogate_error, wrong
from glm4viz.readers.explain import TOO_DEEP
from glm4viz.texts import Text

Message = dict[str, Any]
Record = dict[str, Any]
Said = dict[str, Text]  # what was changed on the way: each kind of change once, in order

SYSTEM: Text = {
    "en": "The record's system text became a system message, placed first.",
    "zh": "记录的 system 变成了一条放在最前面的 system 消息。",
}
SYSTEM_TWICE: Text = {
    "en": "The conversation has a system message of its own, so the record's system text was left out, as LLaMA-Factory does.",
    "zh": "对话已有自己的 system 消息，因此去掉了记录的 system，与 LLaMA-Factory 的做法相同。",
}
TOOLS: Text = {
    "en": "The record's tools became a system message with empty content, placed first, as GLM-4 has it.",
    "zh": "记录的 tools 变成了一条放在最前面、content 为空的 system 消息，这是 GLM-4 的写法。",
}
TOOLS_JOINED: Text = {
    "en": "The record's tools were put on the system message: GLM-4 writes them before its text.",
    "zh": "记录的 tools 放在了 system 消息上：GLM-4 会把它们写在该消息的文本之前。",
}
TOOLS_WRAPPED: Text = {
    "en": 'Bare functions in tools were wrapped as {"type": "function", "function": …}, which is what GLM-4 reads.',
    "zh": 'tools 中的函数已包装成 {"type": "function", "function": …}，这是 GLM-4 读取的写法。',
}
TOOLS_READ: Text = {
    "en": "The tools of a message were a text that holds JSON, which GLM-4's script can't read; the list in it was read. check --fix writes it.",
    "zh": "消息的 tools 是一段 JSON 文本，GLM-4 的脚本读不了；已读取其中的列表。check --fix 会把它写成列表。",
}
NO_LOSS: Text = {
    "en": "output_with_loss: false became the message's loss: false.",
    "zh": "output_with_loss: false 变成了消息的 loss: false。",
}


def turns(record: Record, key: str, example: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each turn of the list under a key, with the field it is in."""
    value = record.get(key)
    if not isinstance(value, list):
        raise wrong(key, value, f", not a list. Write it as [{example}].", f"，不是列表。请写成 [{example}]。")
    if not value:
        raise MessageError(
            f"{key} is empty. Add at least one turn, or remove the conversation.",
            f"{key} 是空的。请至少加入一轮，或删去这条对话。",
            field=key,
        )
    for index, turn in enumerate(value):
        field = f"{key}[{index}]"
        if not isinstance(turn, dict):
            raise wrong(field, turn, f", not a turn. Write it as {example}.", f"，不是一轮对话。请写成 {example}。")
        yield field, turn


def text(turn: dict[str, Any], key: str, field: str) -> str | None:
    """The text under a key of a turn. Null stays null, as in GLM-4's own form."""
    value = turn.get(key)
    if isinstance(value, str) or (value is None and key in turn):
        return value
    raise missing(field) if value is None else not_text(field, value)


def column(record: Record, key: str) -> str:
    """The text of a column that may be absent, null or empty: all three say that there is none."""
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise not_text(key, value)
    return value or ""


def needed_column(record: Record, key: str) -> str:
    """The text of a column that must be there."""
    if record.get(key) is None:
        raise missing(key)
    return column(record, key)


def pairs(record: Record, key: str = "history") -> list[Message]:
    """The earlier rounds, [[question, answer], …], as messages. Absent, null and empty all say that there are none."""
    rounds = record.get(key)
    if rounds is None or rounds == "":
        return []
    if not isinstance(rounds, list):
        raise _bad_history(key, rounds)
    messages = []
    for index, one in enumerate(rounds):
        if not isinstance(one, list | tuple) or len(one) != 2:
            raise _bad_history(f"{key}[{index}]", one)
        for side, value in enumerate(one):
            if value is not None and not isinstance(value, str):
                raise not_text(f"{key}[{index}][{side}]", value)
        messages += [{"role": "user", "content": one[0]}, {"role": "assistant", "content": one[1]}]
    return messages


def _bad_history(field: str, value: object) -> MessageError:
    return wrong(field, value, '. Write the history as [["question", "answer"], …].', '。history 请写成 [["问题", "回答"], …]。')


def left_out(turn: dict[str, Any], known: frozenset[str], names: dict[str, None]) -> None:
    """Remember the names of the fields of a turn that have a value and no place in GLM-4's form."""
    if turn.keys() - known:  # hardly ever
        names |= {key: None for key, value in turn.items() if key not in known and value is not None}


def say_left_out(names: dict[str, None], said: Said) -> None:
    if names:
        shown = ", ".join(list(names)[:8])
        said["left out"] = {
            "en": f"Fields of a turn that GLM-4's form has no place for were left out: {shown}.",
            "zh": f"去掉了 GLM-4 的格式中没有位置的字段：{shown}。",
        }


def with_front(record: Record, messages: list[Message], said: Said) -> list[Message]:
    """The messages with the record's own system text and tools at their head."""
    if system := column(record, "system"):
        if messages[0]["role"] != "system":
            messages.insert(0, {"role": "system", "content": system})
            said["system"] = SYSTEM
        elif messages[0]["content"] != system:
            said["system"] = SYSTEM_TWICE
    if tools := _tools(record.get("tools"), said):
        put_tools(tools, messages, said)
    return messages


def put_tools(tools: list[Any], messages: list[Message], said: Said) -> None:
    """Put tools on the leading system message, or on one of their own. GLM-4 writes the same tokens for a separate message, but most
    other systems refuse a second system message."""
    if messages and messages[0]["role"] == "system" and not messages[0].get("tools"):
        messages[0] = {**messages[0], "tools": tools}
        said["tools"] = TOOLS_JOINED
    else:
        messages.insert(0, {"role": "system", "content": "", "tools": tools})
        said["tools"] = TOOLS


def _tools(tools: object, said: Said) -> list[Any]:
    """The tools as a list in OpenAI's form. LLaMA-Factory keeps them as a text that holds JSON."""
    if isinstance(tools, str):
        tools = from_json(tools, "tools") if tools.strip() else None
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise wrong("tools", tools, ", not a list. Write a list of functions.", "，不是列表。请写成函数的列表。")
    bare = [isinstance(tool, dict) and "name" in tool and "function" not in tool for tool in tools]
    if any(bare):
        said["wrapped"] = TOOLS_WRAPPED
    return [{"type": "function", "function": tool} if is_bare else tool for tool, is_bare in zip(tools, bare, strict=True)]


def with_tools_read(messages: list[Any], said: Said, under: str = "messages") -> list[Any]:
    """The messages, with tools that are a text read as the list in it. An empty text says that there are none."""
    if not any(isinstance(message, dict) and isinstance(message.get("tools"), str) for message in messages):
        return messages
    said["tools read"] = TOOLS_READ
    return [
        {**message, "tools": from_json(tools, f"{under}[{m}].tools") if tools.strip() else None}
        if isinstance(message, dict) and isinstance(tools := message.get("tools"), str)
        else message
        for m, message in enumerate(messages)
    ]


def from_json(text: str, field: str) -> Any:
    """The value that a text holds as JSON."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise MessageError(TOO_DEEP["en"], TOO_DEEP["zh"], field=field) from None
    except ValueError as error:
        place = f" (character {error.pos + 1}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        raise MessageError(
            f"{field} should hold JSON, but its text isn't{place}. Write it with json.dumps.",
            f"{field} 应是 JSON 文本，但它不是{place}。请用 json.dumps 写出。",
            field=field,
        ) from None
    if "\\ud" in text.lower() and find_surrogate(value, field):
        raise surrogate_error(field)
    return value


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
