"""A conversation as it was read, and the one set of rules for what a message must look like.

Readers and the library's `label()` share these rules, so that a fault has one sentence wherever it shows up.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glm4viz.errors import ConversationError
from glm4viz.texts import Text

Message = Mapping[str, Any]
ROLES = ("system", "user", "assistant", "observation")
ALL_ROLES = (*ROLES, "tool")  # with OpenAI's name for what GLM-4 calls observation

_LIKELY_ROLE = {
    **dict.fromkeys(("human", "prompter", "用户", "人类"), "user"),
    **dict.fromkeys(("gpt", "chatgpt", "bot", "model", "ai", "助手", "机器人", "tool_call", "function_call"), "assistant"),
    **dict.fromkeys(("tool_response", "function_response", "ipython", "environment"), "observation"),
    **dict.fromkeys(("系统", "instruction"), "system"),
}
# OpenAI's roles and what GLM-4 calls them. Readers map them; everything else gets an error that says so.
OPENAI_ROLES = {"tool": "observation", "function": "observation", "developer": "system"}
_MISSING = object()  # null is not absent, so None can't stand for "no such key"


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation in OpenAI's form, which GLM-4.5 and later are trained in: role tool, tool_calls, reasoning_content, and tools of
    the whole conversation. `source`: for each message of the same conversation in GLM-4's form, the message here that it stands for,
    -1 for none; () where there is no such other form.
    """

    messages: Sequence[Message]
    tools: Sequence[Any] | None = None
    source: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """One record of a file: its messages in GLM-4's form, and where they came from. `chat`: as OpenAI's form has it, if it was read in that.

    `captured`: the labelled sample that a run fed, where the record is of a capture file; its messages were found in it.
    """

    messages: list[dict[str, Any]]
    format: str = "glm4"
    notes: tuple[Text, ...] = ()  # what was mapped or is worth knowing, in words
    file: str = ""
    line: int = 0  # where the record starts, counted from 1; 0: unknown
    index: int = 0  # number of the record in its file, counted from 0
    chat: Chat | None = None
    captured: Any | None = None
    record: Any = field(default=None, compare=False, repr=False)  # the value as its file has it, with all its keys
    text: str = field(default="", compare=False, repr=False)  # the JSON that the record is written in; "" where it isn't JSON


class MessageError(ConversationError):
    """A `ConversationError` that knows which field is at fault, such as `messages[2].content`."""

    def __init__(self, en: str, zh: str | None = None, *, field: str = "") -> None:
        super().__init__(en, zh)
        self.field = field


def check_messages(messages: object) -> list[dict[str, Any]]:
    """The messages as a list, or a `ConversationError` that names the first thing wrong with them. Tools are left to the recipes."""
    if isinstance(messages, Conversation):
        messages = messages.messages
    if not isinstance(messages, list | tuple):
        found = describe(messages)
        raise MessageError(
            f'messages is {found["en"]}, not a list. Write it as [{{"role": "user", "content": "…"}}].',
            f'messages 是{found["zh"]}，不是列表。请写成 [{{"role": "user", "content": "…"}}]。',
            field="messages",
        )
    if not messages:
        raise MessageError(
            "messages is empty. Add at least one message, or remove the conversation.",
            "messages 是空的。请至少加入一条消息，或删去这条对话。",
            field="messages",
        )
    for index, message in enumerate(messages):
        if not _is_fine(message):
            check_message(index, message)
    return list(messages)


def _is_fine(message: object) -> bool:
    # The quick yes for the usual message; check_message finds the words for all others.
    return (
        type(message) is dict
        and message.get("role") in ROLES
        and _is_fine_text(message.get("content", _MISSING))
        and _is_fine_text(message.get("metadata"))
        and not message.get("tools")
        and not message.get("tool_calls")
        and not message.get("function_call")
    )


def _is_fine_text(value: object) -> bool:
    return value is None or (type(value) is str and is_unicode(value))


def is_unicode(text: str) -> bool:
    """False if the text holds a lone surrogate, which no encoding can write."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_message(index: int, message: object, under: str = "messages") -> None:
    """Raise a `MessageError` if this can't be a message of a GLM-4 conversation. `under`: the field that the list of them is in."""
    here = f"{under}[{index}]"
    if not isinstance(message, dict):
        found = describe(message)
        raise MessageError(
            f'{here} is {found["en"]}, not a message. Write it as {{"role": "user", "content": "…"}}.',
            f'{here} 是{found["zh"]}，不是消息。请写成 {{"role": "user", "content": "…"}}。',
            field=here,
        )
    _check_role(f"{here}.role", message)
    for key in ("tool_calls", "function_call"):
        if message.get(key):
            raise _openai_form(f"{here}.{key}", f"{here}.{key}")
    _check_content(f"{here}.content", message)
    for key in ("content", "metadata", "tools"):
        check_value(message.get(key), f"{here}.{key}")


def _check_role(field: str, message: dict[str, Any]) -> None:
    role, known = message.get("role", _MISSING), ", ".join(ROLES)
    if isinstance(role, str) and role in ROLES:
        return
    if isinstance(role, str) and role in OPENAI_ROLES:
        raise _openai_form(field, f"{field} {role!r}")
    if role is _MISSING:
        turn = "from" in message and "value" in message
        raise MessageError(
            f"{field} is missing. Give it one of {known}." + (' Rename "from" to "role" and "value" to "content".' if turn else ""),
            f"缺少 {field}。请填写 {known} 之一。" + ("请把 from 改名为 role，把 value 改名为 content。" if turn else ""),
            field=field,
        )
    found, likely = describe(role), _likely_role(role)
    raise MessageError(
        f"{field} is {found['en']}; GLM-4 knows {known}." + (f" Write {likely} instead." if likely else " Use one of these."),
        f"{field} 是{found['zh']}；GLM-4 只有 {known}。" + (f"请改成 {likely}。" if likely else "请改用其中之一。"),
        field=field,
    )


def _likely_role(role: object) -> str:
    plain = role.strip().lower() if isinstance(role, str) else ""
    return plain if plain in ROLES else _LIKELY_ROLE.get(plain) or OPENAI_ROLES.get(plain, "")


def _check_content(field: str, message: dict[str, Any]) -> None:
    content = message.get("content", _MISSING)
    if content is None or isinstance(content, str):
        return
    if content is _MISSING:
        raise missing(field)
    if isinstance(content, list) and any(isinstance(part, dict) and "type" in part for part in content):
        raise _openai_form(field, f"{field} [{{type: …}}]")
    raise not_text(field, content)


def missing(field: str) -> MessageError:
    """The error for a text that isn't there."""
    return MessageError(
        f'{field} is missing. Add it; an empty text ("") is allowed.', f'缺少 {field}。请加上它；可以是空文本（""）。', field=field
    )


def not_text(field: str, value: object) -> MessageError:
    """The error for a value where a text should be."""
    return wrong(field, value, ", not a text. Put it in quotes, as one text.", "，不是文本。请把它写成一个带引号的文本。")


def wrong(field: str, value: object, en: str, zh: str) -> MessageError:
    """The error that says what a field is, and goes on with these words on what it should be."""
    found = describe(value)
    return MessageError(f"{field} is {found['en']}{en}", f"{field} 是{found['zh']}{zh}", field=field)


def _openai_form(field: str, found: str) -> MessageError:
    return MessageError(
        f"{found} is OpenAI's form, not GLM-4's. Read it with read_conversations (format auto or openai), which maps it.",
        f"{found} 是 OpenAI 的写法，不是 GLM-4 的。请用 read_conversations 读取（format 为 auto 或 openai），它会转换。",
        field=field,
    )


def surrogate_error(field: str) -> MessageError:
    """The error for a field that holds a lone surrogate."""
    return MessageError(
        f"{field} holds half a character (a lone surrogate, \\ud800 to \\udfff). Remove it, or write the whole character.",
        f"{field} 里有半个字符（单独的代理码，\\ud800 到 \\udfff）。请删去它，或写出完整的字符。",
        field=field,
    )


DEEPEST = 200  # levels; beyond some 300, Python can't hand a value from one process or cache to another
_LONGEST_NUMBER = 14_000  # bits; Python writes no whole number of more than 4,300 digits


def check_value(value: object, path: str) -> None:
    """Raise a `MessageError` for what a recipe couldn't write as JSON: half characters, endless nesting or digits, values JSON hasn't."""
    stack: list[tuple[str, object, int]] = [(path, value, 0)]
    while stack:
        here, item, depth = stack.pop()
        if isinstance(item, str):
            if not is_unicode(item):
                raise surrogate_error(here)
        elif isinstance(item, dict | list | tuple):
            if depth == DEEPEST:
                raise wrong(path, value, f", nested more than {DEEPEST} levels deep. Flatten it.", f"，嵌套超过 {DEEPEST} 层。请把它展平。")
            inner = _entries(here, item) if isinstance(item, dict) else enumerate(item)
            stack += [(f"{here}[{key}]" if isinstance(key, int) else f"{here}.{key}", child, depth + 1) for key, child in inner][::-1]
        elif isinstance(item, int):
            if item.bit_length() > _LONGEST_NUMBER:
                raise wrong(here, item, " of more than 4,200 digits. Write it as a text.", "，超过 4200 位。请写成文本。")
        elif item is not None and not isinstance(item, float):
            raise wrong(
                here, item, ", which JSON has no form for. Write a list, an object or a text.", "，JSON 无法表示。请写成列表、对象或文本。"
            )


def _entries(path: str, value: dict[Any, Any]) -> Iterable[tuple[Any, Any]]:
    for key in value:
        if not isinstance(key, str):
            raise wrong(f"{path}: a key", key, ", not a text. Put it in quotes.", "，不是文本。请加上引号。")
        if not is_unicode(key):
            raise surrogate_error(path)
    return value.items()


def find_surrogate(value: object, path: str) -> str:
    """The path of the first text under `value` (or key in it) that holds a lone surrogate, or ""."""
    stack = [(path, value)]  # a stack, because the input decides how deep it goes
    while stack:
        here, item = stack.pop()
        if isinstance(item, str) and not is_unicode(item):
            return here
        if isinstance(item, dict):
            if not all(is_unicode(key) for key in item if isinstance(key, str)):
                return here
            stack += reversed([(f"{here}.{key}" if here else str(key), inner) for key, inner in item.items()])
        elif isinstance(item, list | tuple):
            stack += reversed([(f"{here}[{index}]", inner) for index, inner in enumerate(item)])
    return ""


def null_content_notes(messages: list[dict[str, Any]]) -> Iterator[Text]:
    """A note if the content of a message is null: allowed, but it makes the message vanish."""
    if any(message["content"] is None for message in messages):
        yield {
            "en": "A message has null as its content: GLM-4 writes nothing for it, not even its role tag.",
            "zh": "有消息的 content 是 null：GLM-4 不会为它写出任何内容，连角色标记也没有。",
        }


def describe(value: object) -> Text:
    """What a value is, in words, short and printable."""
    if value is None:
        return {"en": "null", "zh": " null"}
    if isinstance(value, str):
        return {"en": shown(value), "zh": f" {shown(value)}"}
    if isinstance(value, bool):
        return {"en": str(value).lower(), "zh": f" {str(value).lower()}"}
    if isinstance(value, int | float):
        # Python refuses to print a very long integer.
        digits = f"({value!r})" if isinstance(value, float) or value.bit_length() < 128 else ""
        return {"en": f"a number {digits}".strip(), "zh": f"数字{digits}"}
    if isinstance(value, dict):
        keys = ", ".join(shown(str(key), 20) for key in list(value)[:4])
        return {"en": f"an object (keys: {keys})", "zh": f"对象（键：{keys}）"} if keys else {"en": "an empty object", "zh": "空对象"}
    if isinstance(value, list | tuple):
        return {"en": f"a list of {len(value)}", "zh": f"列表（{len(value)} 项）"}
    return {"en": f"a {type(value).__name__}", "zh": f" {type(value).__name__}"}


def shown(text: str, limit: int = 40) -> str:
    """The text in quotes, at most `limit` characters of it, with anything unprintable escaped."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
