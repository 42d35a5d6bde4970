"""The same conversation on another page."""

import streamlit as st

from glm4viz.ui.i18n import t

PAGES = ("inspect", "walkthrough", "compare", "batch", "loss", "recipes")


def send_elsewhere(here: str) -> None:
    """A menu of the other pages; what is chosen here, conversation and settings, is what they show."""
    names = {page: t(f"page.{page}") for page in PAGES if page != here}
    page = st.menu_button(t("send"), list(names), format_func=names.__getitem__, key="send", icon=":material/open_in_new:")
    if page:
        st.switch_page(f"pages/{page}.py")
