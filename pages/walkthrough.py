"""The Walkthrough: process_batch on the reader's own conversation, one step at a time."""

import streamlit as st

from glm4viz.ui.i18n import t
from glm4viz.ui.shell import through_app
from glm4viz.ui.walkthrough import page
from glm4viz.ui.walkthrough.source import beside_source
from glm4viz.ui.walkthrough.thinking import show_second_act
from glm4viz.ui.widgets.copy_link import copy_link
from glm4viz.ui.widgets.send import send_elsewhere
from glm4viz.ui.widgets.settings import choose_max_length
from glm4viz.ui.widgets.source import choose_conversation

through_app("pages/walkthrough.py")

page.prefer_short_sample()
st.subheader(t("walk.title"), anchor=False)
st.markdown(t("walk.lead"))
with st.expander(t("walk.settings"), icon=":material/forum:", key="walk_settings"):
    conversation = choose_conversation()
    max_length = choose_max_length(page.recipe())
    page.offer_short_sample()
    with st.container(horizontal=True, vertical_alignment="center"):
        copy_link(conversation)
        send_elsewhere("walkthrough")
way, inspect = st.columns([3, 1], vertical_alignment="bottom")
with way:
    page.choose_way()
with inspect:
    page.open_in_inspect()

steps = page.take_the_walk(conversation, max_length) if conversation else []
if steps:
    step = page.choose_step(steps)
    with beside_source(step):
        page.show_step(step, max_length)
        page.turn_pages(steps, "bottom")
show_second_act(conversation)
