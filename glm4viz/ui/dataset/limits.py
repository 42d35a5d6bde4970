"""What a length limit costs the whole file: the curve over all limits, what the present one loses, and the limit that loses nothing."""

import numpy as np
import streamlit as st

from glm4viz.figures.limit import kept_curve
from glm4viz.rows.truncation import Curve
from glm4viz.systems.registry import get_recipe
from glm4viz.ui.dataset.report import Report
from glm4viz.ui.dataset.run import measure
from glm4viz.ui.dataset.work import LIMITS
from glm4viz.ui.i18n import t
from glm4viz.ui.theme import FIGURE, theme

KINDS = ("answers", "stops", "samples", "tokens")


def show_limits(report: Report) -> None:
    """The curve in a fold: every record is labelled for it once more, which takes its time."""
    fold = st.expander(t("limits"), icon=":material/content_cut:", key="dataset_limits", on_change="rerun")
    if not fold.open:
        return
    with fold:
        recipe = get_recipe(report.recipe)
        if recipe.fit is not None or not isinstance(report.max_length, int):
            st.info(t("limits.not_cut"), icon=":material/info:")
            return
        path = report.folder.path / LIMITS
        if not path.exists() and not measure(report):
            return
        with np.load(path) as columns:
            curve = Curve(**columns)
        if len(curve.lengths):
            _show(curve, report.max_length)


def _show(curve: Curve, limit: int) -> None:
    left, whole = curve.at(limit), curve.whole
    lost = {name: getattr(whole, name) - getattr(left, name) for name in KINDS}
    parts = {name: f"{lost[name]:,} ({lost[name] / max(getattr(whole, name), 1):.1%})" for name in KINDS}
    say = st.warning if any(lost.values()) else st.success
    said = t("limits.lost", limit=f"{limit:,}", **parts) if any(lost.values()) else t("limits.none_lost", limit=f"{limit:,}")
    say(said, icon=":material/content_cut:" if any(lost.values()) else ":material/check_circle:")
    st.markdown(t("limits.enough", limit=f"{curve.enough:,}"))
    alt = t("limits.alt", limit=f"{limit:,}", **parts)
    st.plotly_chart(kept_curve(curve, limit, t, theme=theme()), key="dataset_limits_curve", config=FIGURE, alt=alt)
