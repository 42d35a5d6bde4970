"""One record mended in the form it has: what is written for it, what was changed, and what it can't be written for."""

import copy
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from glm4viz.conversation import Conversation, Message
from glm4viz.errors import ReadError
from glm4viz.linter.mend import Change, change, mend, mend_texts
from glm4viz.readers import read_conversations
from glm4viz.readers.literal import PYTHON, python_literal
from glm4viz.recipe import Recipe
from glm4viz.writing import as_json, rewritten

# Names of roles that can mean one thing only, in GLM-4's and OpenAI's `role`, and in ShareGPT's `from`.
_ROLES = dict.fromkeys(("bot", "model", "gpt", "chatgpt", "chatbot", "ai"), "assistant") | {"human": "user"}
_SPEAKERS = dict.fromkeys(("bot", "chatbot", "ai"), "gpt")
_PLAIN = ("system", "user", "assistant", "observation", "human", "gpt")
_OPENAI_KEYS = ("tool_calls", "function_call", "tool_call_id", "name")


class Fixed(NamedTuple):
    """line: the record as it is written, without a line break; changes: what was done to it; conversation: as it reads now."""

    line: str
    changes: list[Change]
    conversation: Conversation


def fix_record(found: Conversation | ReadError, recipe: Recipe) -> Fixed | None:
    """The record mended. Nothing but what is mended changes, be it only a space; None if it still can't be read."""
    try:
        return _fix_unread(found, recipe) if isinstance(found, ReadError) else _fix(found, recipe, [])
    except RecursionError:  # deeper than can be compared: as it is
        return None if isinstance(found, ReadError) or not found.text else Fixed(rewritten(found.text, json.loads(found.text)), [], found)


def fix_plain(line: str, messages: Sequence[Message], recipe: Recipe) -> Fixed:
    """The same for a line whose messages are plain; it is parsed again only if there is something to mend."""
    conversation = Conversation(list(map(dict, messages)), text=line)
    changes = mend_texts({"messages": copy.deepcopy(conversation.messages)}) or mend(messages)[1]
    if not changes:
        return Fixed(line, [], conversation)
    return _fix(Conversation(conversation.messages, text=line, record=json.loads(line)), recipe, [])


def _fix(found: Conversation, recipe: Recipe, changes: list[Change]) -> Fixed:
    record = copy.deepcopy(found.record)
    if PYTHON in found.notes:
        changes = [*changes, change(-1, "", "literal")]
    inner = record if isinstance(record, dict) else {"messages": record}
    if renamed := _tools_renamed(inner) if found.format == "openai" else []:
        return _again(found.text, record, recipe, [*changes, *renamed]) or Fixed(rewritten(found.text, found.record), changes, found)
    if found.format == "glm4":
        inner["messages"], more = mend(inner["messages"])
    elif found.format == "openai" and recipe.form == "openai" and not any(isinstance(m.get("content"), list) for m in inner["messages"]):
        inner["messages"], more = mend(inner["messages"], openai=True)
    else:
        more = mend_texts(inner)
    new = record if isinstance(record, dict) else inner["messages"]
    line = rewritten(found.text, new)
    return Fixed(line, [*changes, *more], _read(line, found) if more else found)


def _read(line: str, found: Conversation) -> Conversation:
    again = _only(line)
    return found if again is None else again


def _only(line: str) -> Conversation | None:
    read = list(read_conversations(line.encode()))
    return read[0] if len(read) == 1 and isinstance(read[0], Conversation) else None


def _fix_unread(error: ReadError, recipe: Recipe) -> Fixed | None:
    """A record whose only fault is the name of a role that can mean one thing only."""
    try:
        text = error.raw.decode()
        record, is_json = _parse(text)
    except ValueError:
        return None
    inner = record if isinstance(record, dict) else {"messages": record}
    changes = [*_renamed(inner, "messages", "role", _ROLES), *_renamed(inner, "conversations", "role", _ROLES)]
    changes += _renamed(inner, "conversations", "from", _SPEAKERS)
    if not changes:
        return None
    return _again(text if is_json else "", record, recipe, changes if is_json else [change(-1, "", "literal"), *changes])


def _parse(text: str) -> tuple[Any, bool]:
    """The value, and whether it is written as JSON. Raises ValueError."""
    try:
        return json.loads(text.removeprefix("\ufeff")), True
    except ValueError:
        return python_literal(text.strip().rstrip(",")), False


def _again(text: str, record: Any, recipe: Recipe, changes: list[Change]) -> Fixed | None:
    """The record with its roles renamed is read once more, and mended as any other."""
    line = rewritten(text, record)
    read = _only(line)
    return None if read is None else _fix(read, recipe, changes)


def _renamed(record: dict[str, Any], under: str, key: str, names: dict[str, str]) -> list[Change]:
    """Renames in the record what is named otherwise than its form has it."""
    changes, turns = [], record.get(under)
    for t, turn in enumerate(turns if isinstance(turns, list) else ()):
        role = turn.get(key) if isinstance(turn, dict) else None
        plain = role.strip().lower() if isinstance(role, str) else ""
        wanted = names.get(plain, plain if plain in _PLAIN else role)
        if wanted != role:
            turn[key] = wanted
            at = (t, key) if under == "messages" else (-1, f"{under}[{t}].{key}")
            changes.append(change(*at, "role", role, wanted))
    return changes


def _tools_renamed(record: dict[str, Any]) -> list[Change]:
    """The role tool in a conversation that is in GLM-4's form otherwise: its calls are in metadata, and nothing is said in OpenAI's way."""
    messages = record["messages"]
    if record.get("tools") or record.get("functions") or any(message.get(key) for message in messages for key in _OPENAI_KEYS):
        return []
    if not any(message.get("role") == "assistant" and isinstance(message.get("metadata"), str) for message in messages):
        return []
    return _renamed(record, "messages", "role", {"tool": "observation"})


def raw_of(record: Conversation) -> str:
    """The record as it stands in its file; of a table, its row as JSON."""
    return record.text or as_json(record.record)


def mended_line(record: Conversation, recipe: Recipe) -> tuple[bytes, list[Change]]:
    """The record mended in the form it has, as a line, and what was changed."""
    fixed = fix_record(record, recipe)
    assert fixed is not None, "of a record that was read there is something to write"
    return f"{fixed.line}\n".encode(), fixed.changes


def has_answer(conversation: Conversation) -> bool:
    """Whether an assistant says or calls anything."""
    return any(
        message["role"] == "assistant" and (str(message["content"] or "").strip() or message.get("metadata"))
        for message in conversation.messages
    )
