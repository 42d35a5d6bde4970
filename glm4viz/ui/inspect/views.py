"""The views of one labelled sample: token view, heatmap, loss share, table. Each reads the sample's columns."""

from typing import Any

import streamlit as st

from glm4viz.figures.sample import loss_share, mask_heatmap
from glm4viz.reading.verdict import shares
from glm4viz.recipe import LabelledSample
from glm4viz.ui.dataset.review import lit, marked_anew
from glm4viz.ui.focus import go_to
from glm4viz.ui.i18n import t
from glm4viz.ui.inspect.verdict import Found, problems
from glm4viz.ui.theme import FIGURE, theme
from glm4viz.ui.web.token_view import TokenView, token_view
from glm4viz.ui.widgets.as_view import as_view
from glm4viz.ui.widgets.choose import choose
from glm4viz.ui.widgets.table import show_filtered


def show_tokens(found: Found) -> None:
    st.subheader(t("view"))
    sample = found.sample
    marked = lit(sample)
    if marked and marked_anew():
        go_to(marked[0])
    more: dict[str, Any] = {"problems": problems(found), "focus": st.session_state.get("focus"), "lit": marked}
    view = _coloured(sample, more) if st.session_state.get("loss_results") else None
    token_view(view or as_view(sample, **more), key="token_view")


def _coloured(sample: LabelledSample, more: dict[str, Any]) -> TokenView | None:
    """The view in the colours of the losses, if the Loss page has computed them and the reader wants them."""
    from glm4viz.ui.loss.page import known_losses
    from glm4viz.ui.loss.views import coloured

    result = known_losses(sample)
    if result is None or not st.toggle(t("view.loss"), key="view_loss", persist_state="session"):
        return None
    return coloured(sample, result.losses, result.losses.nll, t("loss.values.nll"), **more)


def show_heatmap(sample: LabelledSample) -> None:
    st.subheader(t("heatmap"), help=t("heatmap.help"))
    by = choose("heatmap_by", t("heatmap.by"), {by: t(f"heatmap.by_{by}") for by in ("position", "message")}, hidden=True)
    figure = mask_heatmap(sample, t, by=by, theme=theme())
    alt = t("heatmap.alt", tokens=len(sample), trained=int(sample.trained.sum()))
    st.plotly_chart(figure, key="mask_heatmap", config=FIGURE, alt=alt)


def show_share(sample: LabelledSample) -> None:
    st.subheader(t("share"), help=t("share.help"))
    by = choose("share_by", t("share"), {by: t(f"share.by_{by}") for by in ("role", "message")}, hidden=True)
    figure = loss_share(shares(sample), t, by=by, theme=theme())
    st.plotly_chart(figure, key="loss_share", config=FIGURE, alt=t("share.alt", by=t(f"share.by_{by}")))


@st.fragment
def show_table(sample: LabelledSample) -> None:
    st.subheader(t("table"))
    position = show_filtered(sample.table(), "tokens.csv", key="token_table")
    # Only a row that was just selected moves the view; the selection itself stays.
    if position is not None and position != st.session_state.get("table_position"):
        st.session_state.table_position = position
        go_to(position)
        st.rerun()
    st.session_state.table_position = position
