"""The Batch page: several samples as the model is given them."""

import streamlit as st

from glm4viz.ui.batch.columns import show_columns
from glm4viz.ui.batch.evaluation import show_eval_pairs
from glm4viz.ui.batch.rows import show_packing, show_rows, show_weights
from glm4viz.ui.batch.samples import choose_samples, is_fed, label_chosen, open_in_inspect
from glm4viz.ui.batch.truncation import choose_limit, show_truncation
from glm4viz.ui.i18n import t
from glm4viz.ui.shell import through_app
from glm4viz.ui.url import BATCH_VIEWS
from glm4viz.ui.widgets.choose import choose
from glm4viz.ui.widgets.copy_link import copy_link
from glm4viz.ui.widgets.send import send_elsewhere
from glm4viz.ui.widgets.settings import choose_recipe

through_app("pages/batch.py")

VIEWS = dict(zip(BATCH_VIEWS, (show_weights, show_packing, show_eval_pairs, show_columns), strict=True))

with st.container(border=True):
    source, settings = st.columns([3, 2], gap="large")
    with source:
        chosen = choose_samples()
    with settings:
        recipe = choose_recipe()
        with st.container(horizontal=True, vertical_alignment="center"):
            copy_link(None)
            send_elsewhere("batch")

whole = label_chosen(chosen, recipe)
if whole:
    limit = None if is_fed(whole) else choose_limit(whole)
    cut = whole.cut(limit)
    if not is_fed(whole):
        show_truncation(whole, cut, limit)
    if cut.samples:
        show_rows(cut)
    open_in_inspect(whole)
    st.subheader(t("batch.view"), anchor=False)
    view = choose("batch_view", t("batch.view"), {view: t(f"batch.view.{view}") for view in VIEWS}, hidden=True)
    VIEWS[view](cut)
