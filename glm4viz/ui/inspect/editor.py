"""The chat editor: every message's role, content, metadata and tools in place; what it changes is the pasted text."""

import json
from typing import Any

import streamlit as st

from glm4viz.conversation import ROLES, Conversation
from glm4viz.ui.i18n import t
from glm4viz.ui.url import remember

PAGE = 20  # messages shown at once: every one brings several widgets

Message = dict[str, Any]


def edit_conversation(conversation: Conversation) -> None:
    """The editor in a fold; it costs nothing while closed."""
    fold = st.expander(t("editor"), icon=":material/edit:", key="editor", on_change="rerun")
    if not fold.open:
        return
    with fold:
        st.caption(t("editor.help"))
        messages = conversation.messages
        first = _page(len(messages))
        for index in range(first, min(first + PAGE, len(messages))):
            _message(messages, index)
        left, right = st.columns(2)
        left.button(t("editor.add"), icon=":material/add:", key="editor_add", on_click=_add, args=(messages,), width="stretch")
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


def _message(messages: list[Message], index: int) -> None:
    message = messages[index]
    # Keys hold the message's own state: after a change from elsewhere (undo, another record) its fields start anew.
    stamp = hash(json.dumps(message, ensure_ascii=False, sort_keys=True))
    key = f"editor_{index}_{stamp}"
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.markdown(f"`messages[{index}]`", width="content")
            names = {role: t(f"role.{role}") for role in ROLES}
            st.selectbox(
                t("editor.role"),
                ROLES,
                index=ROLES.index(message["role"]),
                format_func=names.__getitem__,
                key=f"{key}_role",
                label_visibility="collapsed",
                width=190,
                on_change=_set,
                args=(messages, index, "role", f"{key}_role"),
            )
            for move, icon, off in ((-1, "arrow_upward", index == 0), (1, "arrow_downward", index == len(messages) - 1)):
                st.button(
                    "",
                    icon=f":material/{icon}:",
                    help=t(f"editor.{icon}"),
                    key=f"{key}_{icon}",
                    on_click=_move,
                    args=(messages, index, move),
                    disabled=off,
                )
            st.button(
                "",
                icon=":material/delete:",
                help=t("editor.delete"),
                key=f"{key}_delete",
                on_click=_delete,
                args=(messages, index),
                disabled=len(messages) == 1,
            )
        st.text_area(
            t("editor.content"),
            message["content"] or "",
            key=f"{key}_content",
            height="content",
            label_visibility="collapsed",
            on_change=_set,
            args=(messages, index, "content", f"{key}_content"),
        )
        if message["role"] == "assistant" or "metadata" in message:
            st.text_input(
                t("editor.metadata"),
                str(message.get("metadata", "")),
                key=f"{key}_metadata",
                on_change=_set,
                args=(messages, index, "metadata", f"{key}_metadata"),
            )
        if message["role"] == "system" or "tools" in message:
            tools = json.dumps(message["tools"], ensure_ascii=False, indent=2) if "tools" in message else ""
            st.text_area(
                t("editor.tools"), tools, key=f"{key}_tools", height="content", on_change=_set_tools, args=(messages, index, f"{key}_tools")
            )
            if st.session_state.get("editor_tools_error") == index:
                st.error(t("editor.tools.error"), icon=":material/error:")


def _change(before: list[Message], after: list[Message]) -> None:
    state, text = st.session_state, _as_text(before)
    if state.get("editor_now") != text:  # the first edit of this conversation: what a reset returns to
        state.editor_origin = text
        remember(text)
    _show(_as_text(after))


def _show(text: str) -> None:
    state = st.session_state
    state.source, state.record, state.editor_now = "paste", 0, text
    remember(text)


def _as_text(messages: list[Message]) -> str:
    return json.dumps({"messages": messages}, ensure_ascii=False, indent=2)


def _set(messages: list[Message], index: int, field: str, key: str) -> None:
    value, message = st.session_state[key], dict(messages[index])
    message[field] = value
    if field == "metadata" and not value:
        del message[field]
    _change(messages, [*messages[:index], message, *messages[index + 1 :]])


def _set_tools(messages: list[Message], index: int, key: str) -> None:
    text, message = st.session_state[key].strip(), dict(messages[index])
    st.session_state.editor_tools_error = None
    try:
        message["tools"] = json.loads(text) if text else []
    except ValueError:
        st.session_state.editor_tools_error = index
        return
    if not text:
        del message["tools"]
    _change(messages, [*messages[:index], message, *messages[index + 1 :]])


def _move(messages: list[Message], index: int, by: int) -> None:
    moved = list(messages)
    moved[index], moved[index + by] = moved[index + by], moved[index]
    _change(messages, moved)


def _delete(messages: list[Message], index: int) -> None:
    _change(messages, [*messages[:index], *messages[index + 1 :]])


def _add(messages: list[Message]) -> None:
    role = "assistant" if messages and messages[-1]["role"] in ("user", "observation") else "user"
    _change(messages, [*messages, {"role": role, "content": t("editor.new")}])


def _reset() -> None:
    _show(st.session_state.editor_origin)
