"""The token view: a conversation's text, token by token, with what carries loss marked in it.

A Streamlit component in plain JavaScript, without a build step. The browser's side is five files, joined in this order into the one module that Streamlit
loads: ``sample.js`` reads the blob that ``wire.py`` writes, ``paint.js`` draws tokens, ``flow.js`` is the scrolling text and draws only what is in view,
``widgets.js`` has the toolbar, the legend, the panel and the minimap, ``view.js`` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from glm4viz.ui.web.token_view.texts import TEXTS
from glm4viz.ui.web.token_view.wire import Prediction, TokenView, encode

__all__ = ["TEXTS", "Prediction", "TokenView", "token_view"]


def _read(*names: str) -> str:
    return "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)


_component = st.components.v2.component(
    "glm4viz_token_view",
    js=_read("sample.js", "paint.js", "flow.js", "widgets.js", "view.js"),
    css=_read("view.css"),
    isolate_styles=True,
)


def token_view(view: TokenView, *, key: str, on_pin: Callable[[], None] | None = None) -> int | None:
    """Show the view; the index of the token that the reader pinned, or None. Pointing at tokens stays in the browser and causes no rerun."""
    result = _component(data=encode(view), key=key, on_pinned_change=on_pin or _nothing)
    pinned = result.pinned
    # The pin may still be that of another conversation: the browser takes it back only after it has seen the new one.
    return pinned if isinstance(pinned, int) and 0 <= pinned < len(view) else None


def _nothing() -> None:
    """Streamlit makes a state attribute only where it has a callback for it."""
