"""What figures need to know of the page."""

import streamlit as st

from glm4viz.figures.palette import Theme

FIGURE = {"displayModeBar": False, "scrollZoom": False}


def theme() -> Theme:
    """The page's theme."""
    return "dark" if st.context.theme.type == "dark" else "light"
