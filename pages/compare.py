"""Two to six recipes on one conversation: what they train differently."""

import streamlit as st

from glm4viz.systems.registry import DEFAULT, get_recipe
from glm4viz.ui.compare.choose import choose_recipes, suggest_recipes
from glm4viz.ui.compare.matrix import show_matrix
from glm4viz.ui.compare.page import compare_recipes, show_sentences
from glm4viz.ui.compare.tables import show_shares, show_verdicts
from glm4viz.ui.compare.view import compare_view
from glm4viz.ui.i18n import t
from glm4viz.ui.shell import through_app
from glm4viz.ui.widgets.copy_link import copy_link
from glm4viz.ui.widgets.send import send_elsewhere
from glm4viz.ui.widgets.settings import choose_max_length
from glm4viz.ui.widgets.source import choose_conversation

through_app("pages/compare.py")

with st.container(border=True):
    source, settings = st.columns([3, 2], gap="large")
    with settings:
        chosen = choose_recipes()
        suggestion = st.container()
        max_length = choose_max_length(chosen[0] if chosen else get_recipe(DEFAULT))
    with source:
        conversation = choose_conversation("openai" if any(recipe.form == "openai" for recipe in chosen) else "glm4")
    with suggestion:
        suggest_recipes(conversation, chosen)
    with source, st.container(horizontal=True, vertical_alignment="center"):
        copy_link(conversation)
        send_elsewhere("compare")

found = compare_recipes(conversation, chosen, max_length) if conversation and chosen else None
if found:
    show_sentences(found)
    show_verdicts(found)
    show_shares(found)
    st.subheader(t("compare.view"), anchor=False)
    compare_view(found, key="compare_view")
if conversation:
    show_matrix(conversation, chosen, max_length)
