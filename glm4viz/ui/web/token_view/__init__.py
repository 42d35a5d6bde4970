"""The token view: a conversation's text, token by token, with what carries loss marked in it.

In the browser, ``sample.js`` reads the blob that ``wire.py`` writes, ``search.js`` finds tokens in it, ``paint.js`` draws them, ``flow.js`` is the scrolling
text and draws only what is in view, and ``view.js`` puts everything together.
"""

from __future__ import annotations

from collections.abc import Callable

from glm4viz.ui.web import component
from glm4viz.ui.web.token_view.texts import TEXTS
from glm4viz.ui.web.token_view.wire import Prediction, TokenView, encode

__all__ = ["TEXTS", "Prediction", "TokenView", "token_view"]


_component = component("token_view")


def token_view(view: TokenView, *, key: str, on_pin: Callable[[], None] | None = None) -> int | None:
    """Show the view; the index of the token that the reader pinned, or None. Pointing at tokens stays in the browser and causes no rerun."""
    result = _component(data=encode(view), key=key, on_pinned_change=on_pin or _nothing)
    pinned = result.pinned
    # The pin may still be that of another conversation: the browser takes it back only after it has seen the new one.
    return pinned if isinstance(pinned, int) and 0 <= pinned < len(view) else None


def _nothing() -> None:
    """Streamlit makes a state attribute only where it has a callback for it."""
