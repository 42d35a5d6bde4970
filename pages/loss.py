"""The Loss page: what a GLM-4 model really thinks of every token."""

import streamlit as st

from glm4viz.ui.i18n import t
from glm4viz.ui.labelled import label_conversation
from glm4viz.ui.loss import page as loss_page
from glm4viz.ui.loss.against import show_against
from glm4viz.ui.loss.experiment import show_stop_experiment
from glm4viz.ui.loss.pictures import show_along, show_heatmap, show_shares
from glm4viz.ui.loss.views import coloured, show_numbers, show_table, show_worth
from glm4viz.ui.shell import through_app
from glm4viz.ui.web.token_view import token_view
from glm4viz.ui.widgets.copy_link import copy_link
from glm4viz.ui.widgets.send import send_elsewhere
from glm4viz.ui.widgets.settings import choose_max_length, choose_recipe
from glm4viz.ui.widgets.source import choose_conversation

through_app("pages/loss.py")

with st.container(border=True):
    source, settings = st.columns([3, 2], gap="large")
    with settings:
        choice = loss_page.choose_model()
        recipe = choose_recipe()
        max_length = choose_max_length(recipe)
    with source:
        conversation = choose_conversation(recipe.form)
        with st.container(horizontal=True, vertical_alignment="center"):
            copy_link(conversation)
            send_elsewhere("loss")

sample = conversation and label_conversation(conversation, recipe, max_length)
result = sample and loss_page.losses_of(sample, choice)
if conversation and sample and result:
    show_numbers(result.summary, result.model, result.device)
    show_worth(result.losses, result.summary)
    st.subheader(t("loss.tokens"), anchor=False)
    values, label = loss_page.choose_values(result)
    token_view(coloured(sample, result.losses, values, label), key="loss_view")
    st.subheader(t("loss.heatmap"), help=t("loss.heatmap.help"), anchor=False)
    show_heatmap(sample, values)
    share, along = st.columns(2, gap="large")
    with share:
        show_shares(sample, result.losses, result.summary)
    with along:
        show_along(sample, result.losses)
    show_against(sample, choice, result)
    loss_page.show_recipes(conversation, choice, max_length)
    show_stop_experiment(sample)
    show_table(sample, result.losses)
