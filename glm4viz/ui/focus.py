"""Which token the page asks the token view to show."""

import streamlit as st


def go_to(position: int) -> None:
    """Move the token view to this token at its next drawing. The number makes every wish a new one."""
    _, number = st.session_state.get("focus") or (0, 0)
    st.session_state.focus = (position, number + 1)
