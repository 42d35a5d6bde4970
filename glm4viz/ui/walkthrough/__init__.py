"""The Walkthrough's views: its boards (a small component in plain JavaScript), its sentences, its numbers."""

from typing import Any

from glm4viz.ui.web import component

_component = component("walkthrough")


def draw(board: dict[str, Any], *, key: str) -> None:
    """One board: lists of chips, a table, or the source. What the reader does in it stays in the browser."""
    _component(data=board, key=key)
