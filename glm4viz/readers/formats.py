"""Which form a record is in, and the record as a conversation in GLM-4's form.

The forms are asked in the order below and the first that takes a record reads it, so `messages` goes before `conversations`, that before
`conversation`, and all before columns. Where two forms share a field, the first turn that has a field of either decides.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

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
from glm4viz.readers.alpaca import map_alpaca
from glm4viz.readers.chatglm2 import columns_of, is_chatglm2, map_chatglm2
from glm4viz.readers.chatglm3 import is_chatglm3, map_chatglm3
from glm4viz.readers.fields import Message, Record, Said, with_tools_read
from glm4viz.readers.firefly import is_firefly, map_firefly
from glm4viz.readers.openai import is_openai, map_openai
from glm4viz.readers.sharegpt import map_sharegpt
from glm4viz.readers.xtuner import map_xtuner


class Form(NamedTuple):
    """One way to write a conversation down. `key`: the field its turns are in, "" if it has columns instead."""

    name: str
    key: str
    takes: Callable[[Record], bool]
    read: Callable[[Record, Said], list[Message]]


def _map_glm4(record: Record, said: Said) -> list[Message]:
    """As it stands, but for tools that are a text."""
    for key in ("tools", "functions"):
        if record.get(key):
            raise MessageError(
                f"The record has {key} of its own: that is OpenAI's form. Read it with format auto or openai.",
                f"记录自带 {key}：这是 OpenAI 的写法。请用 format auto 或 openai 读取。",
                field=key,
            )
    messages = check_messages(record["messages"])
    return with_tools_read(messages, said)


_FORMS = (
    Form("openai", "messages", is_openai, lambda record, said: map_openai(record, said)[0]),
    Form("glm4", "messages", lambda record: "messages" in record, _map_glm4),
    Form("chatglm3", "conversations", is_chatglm3, map_chatglm3),
    Form("sharegpt", "conversations", lambda record: "conversations" in record, map_sharegpt),
    Form("firefly", "conversation", is_firefly, map_firefly),
    Form("xtuner", "conversation", lambda record: "conversation" in record, map_xtuner),
    Form("alpaca", "", lambda record: "instruction" in record, map_alpaca),
    Form("chatglm2", "", is_chatglm2, map_chatglm2),
)
_BY_NAME = {form.name: form for form in _FORMS}
FORMATS = ("auto", "glm4", "openai", *(name for name in _BY_NAME if name not in ("glm4", "openai")))

# All that is read of a record, for the search for lone surrogates.
_FIELDS = ("messages", "tools", "functions", "conversations", "conversation", "system", "history")
_COLUMNS = ("instruction", "input", "output", "prompt", "response", "content", "summary")
# Texts that hold JSON where a table can have nothing else in a cell.
STRUCTURED = frozenset(("messages", "tools", "functions", "conversations", "conversation", "history"))


_USED = {
    "glm4": ("messages",),
    "openai": ("messages", "tools", "functions"),
    **dict.fromkeys(("chatglm3", "sharegpt"), ("conversations", "system", "tools")),
    **dict.fromkeys(("firefly", "xtuner"), ("conversation", "system", "tools")),
    "alpaca": ("instruction", "input", "output", "history", "system", "tools"),
    "chatglm2": ("history", "system", "tools"),
}


def used_keys(format: str, record: Record) -> tuple[str, ...]:
    """The keys of a record that its conversation is read from; all others are its owner's own."""
    return (*_USED.get(format, ()), *(columns_of(record) if format == "chatglm2" else ()))


def has_form(fields: Record | Iterable[str]) -> bool:
    """Whether a record, or one with columns of these names, is in a known form."""
    record = fields if isinstance(fields, dict) else dict.fromkeys(fields)
    return any(form.takes(record) for form in _FORMS)


def understand(value: object, format: str, risky: bool) -> Conversation:
    """The conversation that a value read from a file stands for, or a `MessageError`. `risky`: lone surrogates are possible."""
    record = {_key_of_bare(value, format): value} if isinstance(value, list) else value
    if not isinstance(record, dict):
        found = describe(record)
        raise MessageError(
            f'Found {found["en"]} where a conversation should be. Write {{"messages": [{{"role": "user", "content": "…"}}]}}.',
            f'这里应是一条对话，却是{found["zh"]}。请写成 {{"messages": [{{"role": "user", "content": "…"}}]}}。',
        )
    form = _form_of(record, format)
    if risky and (path := find_surrogate({key: record[key] for key in (*_FIELDS, *_COLUMNS) if key in record}, "")):
        raise surrogate_error(path)
    said: Said = {}
    messages, chat = map_openai(record, said) if form.name == "openai" else (form.read(record, said), None)
    return Conversation(messages, form.name, (*said.values(), *null_content_notes(messages)), chat=chat)


def _key_of_bare(turns: list[Any], format: str) -> str:
    """The field that a bare list of turns would stand under."""
    if format != "auto":
        return _BY_NAME[format].key or "messages"
    return "conversations" if any(isinstance(turn, dict) and is_sharegpt_turn(turn) for turn in turns) else "messages"


def is_sharegpt_turn(value: dict[str, Any]) -> bool:
    return "from" in value and "value" in value and "role" not in value


def _form_of(record: Record, format: str) -> Form:
    form = next((form for form in _FORMS if form.takes(record)), None) if format == "auto" else _BY_NAME[format]
    if form and (form.key in record if form.key else form.takes(record)):
        return form
    if format == "auto" or form is None or form.key == "messages":
        raise _no_messages(record)
    needs = f'"{form.key}"' if form.key else {"alpaca": "instruction, output", "chatglm2": "prompt, response"}[form.name]
    raise MessageError(
        f"There is no {needs} here, which {form.name} has (found keys: {_keys(record)}). Read it with format auto, or another.",
        f"这里没有 {form.name} 格式的 {needs}（现有的键：{_keys(record)}）。请用 format auto 或其他格式读取。",
        field=form.key,
    )


def _no_messages(record: Record) -> MessageError:
    if "role" in record and ("content" in record or "tool_calls" in record):
        return MessageError(
            'This is a single message, not a conversation. Put all its messages in one list: {"messages": [{"role": …, "content": …}, …]}.',
            '这是单独一条消息，不是对话。请把对话的所有消息放进一个列表：{"messages": [{"role": …, "content": …}, …]}。',
            field="messages",
        )
    if other := next((form.name for form in _FORMS if form.takes(record)), ""):
        return MessageError(
            f'There is no "messages" here: this is {other}\'s form. Read it with format auto or {other}.',
            f"这里没有 messages：这是 {other} 的格式。请用 format auto 或 {other} 读取。",
            field="messages",
        )
    return MessageError(
        f'There is no "messages" here (found keys: {_keys(record)}). Put the conversation\'s messages under that key.',
        f"这里没有 messages（现有的键：{_keys(record)}）。请把对话的消息放在这个键下。",
        field="messages",
    )


def _keys(record: Record) -> str:
    return ", ".join(shown(str(key), 20) for key in list(record)[:4]) or "–"
