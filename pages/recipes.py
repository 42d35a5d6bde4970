"""Every recipe: whose script, its rule, a worked example, its code."""

from itertools import groupby

import streamlit as st

from glm4viz.ui.i18n import t
from glm4viz.ui.recipes.card import show_card, show_legend
from glm4viz.ui.recipes.list import choose_example, find_recipes, scroll_to
from glm4viz.ui.shell import through_app

through_app("pages/recipes.py")

st.header(t("recipes.title"), anchor=False)
st.markdown(t("recipes.about"))
with st.container(border=True):
    search, example = st.columns(2, gap="large")
    with search:
        found = find_recipes()
    with example:
        conversation, short = choose_example()
    show_legend()

for system, group in groupby(found, lambda recipe: recipe.system):
    st.header(t("recipes.own") if system == "custom" else system, divider="gray")
    for recipe in group:
        show_card(recipe, conversation, short=short, **scroll_to(recipe))
