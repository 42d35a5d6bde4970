"""Your run: what a trainer really fed its model, from a capture file; and the lines that write one."""

import streamlit as st

from glm4viz.ui.i18n import t
from glm4viz.ui.run.lines import show_lines
from glm4viz.ui.run.result import show_findings, show_head, show_sequence, show_sequences
from glm4viz.ui.run.source import choose_capture
from glm4viz.ui.shell import through_app

through_app("pages/run.py")

st.subheader(t("run.title"), anchor=False)
st.markdown(t("run.lead"))
with st.container(border=True):
    source, lines = st.columns(2, gap="large")
    with source:
        capture = choose_capture()
    with lines:
        show_lines()

if capture:
    show_head(capture)
    show_findings(capture)
    show_sequences(capture)
    show_sequence(capture)
