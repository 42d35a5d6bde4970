"""A page that is opened by its own address, before app.py has ever run, goes through app.py first.

Until a server's first visit to app.py, Streamlit takes the folder pages/ for an app of the old kind and would run the page's
file bare: without navigation, language and width.
"""

import streamlit as st


def through_app(page: str) -> None:
    """First line of every page but the home page."""
    if "url_seen" not in st.session_state:
        st.session_state.deep_link = (page, st.query_params.to_dict())
        st.switch_page("app.py")


def follow_deep_link() -> None:
    """In app.py, once the pages are known: on to the page that was asked for."""
    wanted = st.session_state.pop("deep_link", None)
    if wanted is not None:
        page, query = wanted
        st.switch_page(page, query_params=query)
