"""One of a few, side by side."""

from collections.abc import Mapping

import streamlit as st


def choose(
    key: str, label: str, names: Mapping[str, str], *, hidden: bool = False, where: "st.delta_generator.DeltaGenerator | None" = None
) -> str:
    """The chosen key of `names` (key: text), at first the first; kept in the session under `key`. `hidden` shows no label."""
    if st.session_state.get(key) not in names:
        st.session_state[key] = next(iter(names))
    chosen = (where or st).segmented_control(
        label,
        list(names),
        key=key,
        format_func=names.__getitem__,
        required=True,
        label_visibility="collapsed" if hidden else "visible",
        persist_state="session",
    )
    return chosen or next(iter(names))
