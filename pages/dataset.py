"""The Dataset page: what in a whole file would ruin a fine-tune."""

import streamlit as st

from glm4viz.ui.dataset.asked import choose_ignored, choose_near, leave_out
from glm4viz.ui.dataset.export import show_marks
from glm4viz.ui.dataset.limits import show_limits
from glm4viz.ui.dataset.losses import show_losses
from glm4viz.ui.dataset.records import show_records
from glm4viz.ui.dataset.run import report_on
from glm4viz.ui.dataset.source import choose_source
from glm4viz.ui.dataset.views import show_figures, show_findings, show_headline, show_mended
from glm4viz.ui.shell import through_app
from glm4viz.ui.widgets.copy_link import copy_link
from glm4viz.ui.widgets.settings import choose_max_length, choose_recipe

through_app("pages/dataset.py")

with st.container(border=True):
    left, right = st.columns([3, 2], gap="large")
    with right:
        recipe = choose_recipe(fed=False)
        max_length = choose_max_length(recipe)
        near, ignored = choose_near(), choose_ignored()
    with left:
        source = choose_source()
        copy_link(None)

checked = source and report_on(source, recipe, max_length, near=near)
report = checked and leave_out(checked, ignored)
if report and show_headline(report):
    rule = show_findings(report)
    show_records(report, rule)
    show_losses(report)
    show_marks(report)
    show_figures(report)
    show_limits(report)
    show_mended(report)
