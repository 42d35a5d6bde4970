"""A recipe of the reader's own: its choices in a popover, its code in the address, and the systems it equals."""

import json
from typing import Any

import streamlit as st

from glm4viz.comparison.equals import known_equals
from glm4viz.conversation import ROLES
from glm4viz.errors import Glm4vizError
from glm4viz.recipe import Recipe
from glm4viz.systems.own import ENDS, CustomRecipe
from glm4viz.ui.current import characters, current_conversation
from glm4viz.ui.i18n import t

CHOICES: dict[str, tuple[str, ...]] = {"turns": ("all", "last", "flags"), "stop": ("next_tag", "own", "none"), "builder": ("old", "jinja")}
FLAGS = ("role_tag", "newline", "prefix")
MOST_CHARACTERS = 50_000  # every known system labels the conversation for the comparison


def choose_custom() -> Recipe:
    """The choices, and the recipe they make."""
    custom = _now()
    st.session_state.custom = custom.code
    for name in ("roles", "end", *CHOICES, *FLAGS):
        value = getattr(custom, name)
        st.session_state[f"custom_{name}"] = list(value) if name == "roles" else value
    with st.popover(t("custom.options"), icon=":material/tune:", width="stretch", key="custom_options"):
        names = {role: t(f"role.{role}") for role in ROLES}
        st.pills(t("custom.roles"), ROLES, selection_mode="multi", key="custom_roles", format_func=names.__getitem__, on_change=_change)
        _choose("turns")
        _choose("stop")
        ends = [end for end in ENDS if end or custom.stop != "own"]
        st.selectbox(t("custom.end"), ends, key="custom_end", format_func=lambda end: end or t("custom.end_none"), on_change=_change)
        for name in FLAGS:
            st.toggle(t(f"custom.{name}"), key=f"custom_{name}", on_change=_change)
        _choose("builder")
    _show_equals(custom)
    return custom.recipe()


def _choose(name: str) -> None:
    names = {value: t(f"custom.{name}_{value}") for value in CHOICES[name]}
    st.segmented_control(
        t(f"custom.{name}"), CHOICES[name], key=f"custom_{name}", format_func=names.__getitem__, required=True, on_change=_change
    )


def _now() -> CustomRecipe:
    try:
        return CustomRecipe.from_code(st.session_state.get("custom") or CustomRecipe().code)
    except ValueError:
        return CustomRecipe()


def _change() -> None:
    state = st.session_state
    made: dict[str, Any] = {name: state[f"custom_{name}"] for name in ("end", *CHOICES, *FLAGS)}
    if made["stop"] == "own" and not made["end"]:
        made["end"] = ENDS[0]
    state.custom = CustomRecipe(roles=tuple(state.custom_roles or ()), **made).code


def _show_equals(custom: CustomRecipe) -> None:
    conversation = current_conversation()
    if conversation is None or characters(conversation) > MOST_CHARACTERS:
        return
    found = _equals(json.dumps(conversation.messages), custom.code)
    if found is not None:
        st.caption(t("custom.equals", recipes=", ".join(f"`{id}`" for id in found)) if found else t("custom.equals_none"))


@st.cache_data(max_entries=32, scope="session", show_spinner=False)
def _equals(messages: str, code: str) -> list[str] | None:
    try:
        return known_equals(json.loads(messages), CustomRecipe.from_code(code).recipe())
    except Glm4vizError:
        return None
