"""The home page: one conversation, token by token."""

import streamlit as st

from glm4viz.reading.verdict import verdict
from glm4viz.systems.captured import CAPTURED
from glm4viz.ui.dataset.bar import show_review
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.inspect.editor import edit_conversation
from glm4viz.ui.inspect.verdict import find, show_verdict
from glm4viz.ui.labelled import label_conversation
from glm4viz.ui.widgets.copy_link import copy_link
from glm4viz.ui.widgets.send import send_elsewhere
from glm4viz.ui.widgets.settings import choose_max_length, choose_recipe, suggest_recipe
from glm4viz.ui.widgets.source import choose_conversation

show_review()
with st.container(border=True):
    source, settings = st.columns([3, 2], gap="large")
    with settings:
        recipe = choose_recipe()
        suggestion = st.container()
        max_length = choose_max_length(recipe)
    with source:
        conversation = choose_conversation(recipe.form)
    with suggestion:
        suggest_recipe(conversation, recipe)
    with source:
        fed = conversation is not None and recipe.id == CAPTURED.id
        if conversation and not fed:
            edit_conversation(conversation)
        with st.container(horizontal=True, vertical_alignment="center"):
            copy_link(None if fed else conversation)  # a link has messages, and not what a run fed
            send_elsewhere("inspect")

sample = conversation and label_conversation(conversation, recipe, max_length)
if sample:
    for note in () if fed else sample.notes:  # of what a run fed they stand above
        st.caption(f":material/info: {plain(note[language()])}")
    st.subheader(t("verdict"), anchor=False)
    found = find(sample, verdict(sample))
    show_verdict(found)

    # pandas and Plotly are imported only here: on a server that has just started, the verdict is on screen by now.
    from glm4viz.ui.inspect.views import show_heatmap, show_share, show_table, show_tokens

    show_tokens(found)
    heatmap, share = st.columns([3, 2], gap="large")
    with heatmap:
        show_heatmap(sample)
    with share:
        show_share(sample)
    show_table(sample)
