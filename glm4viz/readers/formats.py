"""Which form a record is in, and the record as a conversation in GLM-4's form."""

from collections.abc import Callable
from typing import Any

from glm4viz.conversation import (
    Conversation,
    MessageError,
    check_messages,
    describe,
    find_surrogate,
    null_content_notes,
    shown,
    surrogate_error,
)
from glm4viz.readers.openai import is_openai, map_openai

FORMATS = ("auto", "glm4", "openai")


def _has_turns(key: str, inner: str) -> Callable[[dict[str, Any]], bool]:
    def matches(record: dict[str, Any]) -> bool:
        turns = record.get(key)
        return isinstance(turns, list) and any(isinstance(turn, dict) and inner in turn for turn in turns)

    return matches


# Forms of other tools that can't be read yet, each known by what only it has. The first that matches is named.
_FOREIGN: tuple[tuple[str, Callable[[dict[str, Any]], bool]], ...] = (
    ("ChatGLM3", _has_turns("conversations", "role")),
    ("ShareGPT", lambda record: "conversations" in record),
    ("XTuner / Firefly", lambda record: "conversation" in record),
    ("Alpaca", lambda record: "instruction" in record),
    ("ChatGLM2", lambda record: "prompt" in record and "response" in record),
)


def understand(value: object, format: str, risky: bool) -> Conversation:
    """The conversation that a value read from a file stands for, or a `MessageError`. `risky`: lone surrogates are possible."""
    record = {"messages": value} if isinstance(value, list) else value
    if not isinstance(record, dict):
        found = describe(record)
        raise MessageError(
            f'Found {found["en"]} where a conversation should be. Write {{"messages": [{{"role": "user", "content": "…"}}]}}.',
            f'这里应是一条对话，却是{found["zh"]}。请写成 {{"messages": [{{"role": "user", "content": "…"}}]}}。',
        )
    if "messages" not in record:
        raise _no_messages(record)
    if risky and (path := find_surrogate({key: record[key] for key in ("messages", "tools", "functions") if key in record}, "")):
        raise surrogate_error(path)
    if format == "openai" or (format == "auto" and is_openai(record)):
        messages, notes = map_openai(record)
        return Conversation(messages, "openai", (*notes, *null_content_notes(messages)))
    for key in ("tools", "functions"):
        if record.get(key):
            raise MessageError(
                f"The record has {key} of its own: that is OpenAI's form. Read it with format auto or openai.",
                f"记录自带 {key}：这是 OpenAI 的写法。请用 format auto 或 openai 读取。",
                field=key,
            )
    messages = check_messages(record["messages"])
    return Conversation(messages, "glm4", tuple(null_content_notes(messages)))


def _no_messages(record: dict[str, Any]) -> MessageError:
    if "role" in record and ("content" in record or "tool_calls" in record):
        return MessageError(
            'This is a single message, not a conversation. Put all its messages in one list: {"messages": [{"role": …, "content": …}, …]}.',
            '这是单独一条消息，不是对话。请把对话的所有消息放进一个列表：{"messages": [{"role": …, "content": …}, …]}。',
            field="messages",
        )
    for name, matches in _FOREIGN:
        if matches(record):
            return MessageError(
                f'This is {name}\'s form, which can\'t be read yet. Convert it to {{"messages": [{{"role": "user", "content": "…"}}]}}.',
                f'这是 {name} 的格式，目前还不能读取。请转换为 {{"messages": [{{"role": "user", "content": "…"}}]}}。',
            )
    keys = ", ".join(shown(key, 20) for key in list(record)[:4]) or "–"
    return MessageError(
        f'There is no "messages" here (found keys: {keys}). Put the conversation\'s messages under that key.',
        f"这里没有 messages（现有的键：{keys}）。请把对话的消息放在这个键下。",
        field="messages",
    )
