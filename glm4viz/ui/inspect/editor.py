"""The chat editor: every message's role, content and what else its form has, in place; what it changes is the pasted text.

GLM-4's form has metadata and tools in the messages; OpenAI's has thoughts, tool_calls, and tools of the whole conversation.
"""

import json
from typing import Any

import streamlit as st

from glm4viz.conversation import ROLES, Conversation
from glm4viz.errors import Glm4vizError
from glm4viz.forms import CHAT_ROLES, as_record, check_chat, is_glm4_form
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.url import remember

PAGE = 20  # messages shown at once: every one brings several widgets

Record = dict[str, Any]  # messages, and in OpenAI's form the conversation's tools
WHOLE = -1  # in the place of a message's index: the conversation itself


def edit_conversation(conversation: Conversation) -> None:
    """The editor in a fold; it costs nothing while closed."""
    fold = st.expander(t("editor"), icon=":material/edit:", key="editor", on_change="rerun")
    if not fold.open:
        return
    with fold:
        st.caption(t("editor.help"))
        record = as_record(conversation)
        messages = record["messages"]
        if _is_chat(record):
            _json_field(record, WHOLE, "tools")
        first = _page(len(messages))
        for index in range(first, min(first + PAGE, len(messages))):
            _message(record, index)
        left, right = st.columns(2)
        left.button(t("editor.add"), icon=":material/add:", key="editor_add", on_click=_add, args=(record,), width="stretch")
        right.button(
            t("editor.reset"),
            icon=":material/undo:",
            key="editor_reset",
            on_click=_reset,
            disabled="editor_origin" not in st.session_state,
            width="stretch",
        )


def _page(count: int) -> int:
    if count <= PAGE:
        return 0
    starts = range(0, count, PAGE)
    names = {start: f"messages[{start}] – [{min(start + PAGE, count) - 1}]" for start in starts}
    return int(st.selectbox(t("editor.page"), starts, format_func=names.__getitem__, key="editor_page") or 0)


def _is_chat(record: Record) -> bool:
    """Whether the record is edited in OpenAI's form: it has something that only this form has."""
    said = any({"reasoning_content", "tool_calls"} & message.keys() or message["role"] == "tool" for message in record["messages"])
    return (said or "tools" in record) and not is_glm4_form(record["messages"])


def _key(of: Any, index: int) -> str:
    """Keys hold what they edit: after a change from elsewhere (undo, another record) the fields start anew."""
    return f"editor_{index}_{hash(json.dumps(of, ensure_ascii=False, sort_keys=True))}"


def _message(record: Record, index: int) -> None:
    messages, chat = record["messages"], _is_chat(record)
    message = messages[index]
    key = _key(message, index)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.markdown(f"`messages[{index}]`", width="content")
            roles = CHAT_ROLES if chat else ROLES
            names = {role: t(f"role.{role}") for role in roles}
            st.selectbox(
                t("editor.role"),
                roles,
                index=roles.index(message["role"]),
                format_func=names.__getitem__,
                key=f"{key}_role",
                label_visibility="collapsed",
                width=190,
                on_change=_set,
                args=(record, index, "role", f"{key}_role"),
            )
            for move, icon, off in ((-1, "arrow_upward", index == 0), (1, "arrow_downward", index == len(messages) - 1)):
                st.button(
                    "",
                    icon=f":material/{icon}:",
                    help=t(f"editor.{icon}"),
                    key=f"{key}_{icon}",
                    on_click=_move,
                    args=(record, index, move),
                    disabled=off,
                )
            st.button(
                "",
                icon=":material/delete:",
                help=t("editor.delete"),
                key=f"{key}_delete",
                on_click=_delete,
                args=(record, index),
                disabled=len(messages) == 1,
            )
        role = message["role"]
        if chat and (role == "assistant" or "reasoning_content" in message):
            _text_field(record, index, "reasoning_content")
        _text_field(record, index, "content", hidden=not chat or role != "assistant")
        if chat and (role == "assistant" or "tool_calls" in message):
            _json_field(record, index, "tool_calls")
        if not chat and (role == "assistant" or "metadata" in message):
            st.text_input(
                t("editor.metadata"),
                str(message.get("metadata", "")),
                key=f"{key}_metadata",
                on_change=_set,
                args=(record, index, "metadata", f"{key}_metadata"),
            )
        if not chat and (role == "system" or "tools" in message):
            _json_field(record, index, "tools")
        _show_error(index)


def _text_field(record: Record, index: int, field: str, *, hidden: bool = False) -> None:
    message = record["messages"][index]
    key = f"{_key(message, index)}_{field}"
    st.text_area(
        t(f"editor.{field}"),
        message.get(field) or "",
        key=key,
        height="content",
        label_visibility="collapsed" if hidden else "visible",
        on_change=_set,
        args=(record, index, field, key),
    )


def _json_field(record: Record, index: int, field: str) -> None:
    """A value as JSON, of a message or of the whole conversation; an empty text takes it away."""
    holder = record if index == WHOLE else record["messages"][index]
    key = f"{_key(holder.get(field) if index == WHOLE else holder, index)}_{field}"
    text = json.dumps(holder[field], ensure_ascii=False, indent=2) if holder.get(field) is not None else ""
    st.text_area(t(f"editor.{field}"), text, key=key, height="content", on_change=_set_json, args=(record, index, field, key))
    if index == WHOLE:
        _show_error(WHOLE)


def _show_error(index: int) -> None:
    """Why the last change of this message, or of the conversation, was not taken over."""
    place, sentence = st.session_state.get("editor_error") or (None, "")
    if place == index:
        st.error(sentence, icon=":material/error:")


def _change(before: Record, after: Record, index: int) -> None:
    """Take the change over, unless the conversation can't be read any more: then say so at message `index`, and keep what there was."""
    state, text = st.session_state, _as_text(before)
    state.editor_error = None
    if _is_chat(before):
        try:
            check_chat(after["messages"], after.get("tools"))
        except Glm4vizError as error:
            state.editor_error = (index, plain(error.sentence(language())))
            return
    if state.get("editor_now") != text:  # the first edit of this conversation: what a reset returns to
        state.editor_origin = text
        remember(text)
    _show(_as_text(after))


def _show(text: str) -> None:
    state = st.session_state
    state.source, state.record, state.editor_now = "paste", 0, text
    remember(text)


def _as_text(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False, indent=2)


def _with(record: Record, index: int, field: str, value: Any) -> Record:
    """The record with another value in a message, or in itself; None takes the field away."""
    holder = record if index == WHOLE else record["messages"][index]
    changed = {name: old for name, old in holder.items() if name != field or value is not None}
    if value is not None:
        changed[field] = value
    if index == WHOLE:
        return changed
    messages = record["messages"]
    return record | {"messages": [*messages[:index], changed, *messages[index + 1 :]]}


def _set(record: Record, index: int, field: str, key: str) -> None:
    value = st.session_state[key]
    gone = not value and field in ("metadata", "reasoning_content")
    _change(record, _with(record, index, field, None if gone else value), index)


def _set_json(record: Record, index: int, field: str, key: str) -> None:
    text = st.session_state[key].strip()
    try:
        value = json.loads(text) if text else None
    except ValueError:
        st.session_state.editor_error = (index, t("editor.json_error"))
        return
    _change(record, _with(record, index, field, value), index)


def _move(record: Record, index: int, by: int) -> None:
    moved = list(record["messages"])
    moved[index], moved[index + by] = moved[index + by], moved[index]
    _change(record, record | {"messages": moved}, index)


def _delete(record: Record, index: int) -> None:
    messages = record["messages"]
    _change(record, record | {"messages": [*messages[:index], *messages[index + 1 :]]}, index)


def _add(record: Record) -> None:
    messages = record["messages"]
    role = "assistant" if messages and messages[-1]["role"] in ("user", "observation", "tool") else "user"
    _change(record, record | {"messages": [*messages, {"role": role, "content": t("editor.new")}]}, len(messages))


def _reset() -> None:
    _show(st.session_state.editor_origin)
