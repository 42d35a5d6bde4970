"""The lines that write a capture, for the framework that the reader trains with."""

import streamlit as st

from glm4viz.run.snippets import SNIPPETS
from glm4viz.ui.i18n import language, plain, t


def show_lines() -> None:
    """The lines to paste, with a button that copies them."""
    snippets, here = {snippet.framework: snippet for snippet in SNIPPETS}, language()
    chosen = snippets[st.selectbox(t("run.lines"), list(snippets), key="run_snippets", persist_state="session")]
    st.markdown(plain(chosen.how[here]))
    st.code(chosen.code, language=None, wrap_lines=True)  # coloured code has too little contrast
    after = t("run.lines.after", status=plain(chosen.status[here]))
    st.markdown(f":small[{after}]")
