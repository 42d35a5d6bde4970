"""The Walkthrough's views: its boards (a small component in plain JavaScript), its sentences, its numbers."""

from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "glm4viz_walkthrough",
    js=(_HERE / "board.js").read_text("utf-8"),
    css=(_HERE / "board.css").read_text("utf-8"),
    isolate_styles=True,
)


def draw(board: dict[str, Any], *, key: str) -> None:
    """One board: lists of chips, a table, or the source. What the reader does in it stays in the browser."""
    _component(data=board, key=key)
