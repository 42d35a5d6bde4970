"""What the reader marked, and the files that come of it: the records that are kept, and beside them what is left out."""

import streamlit as st

from glm4viz.systems.registry import get_recipe
from glm4viz.ui.dataset.bar import counts
from glm4viz.ui.dataset.keep import kept_lines, left_out_lines
from glm4viz.ui.dataset.marks import DROP, can_undo, marks_of, undo
from glm4viz.ui.dataset.report import Report
from glm4viz.ui.i18n import t


def show_marks(report: Report) -> None:
    """How many are marked; both files, made when they are asked for."""
    st.subheader(t("review.marks"), anchor=False)
    dropped, readable = marks_of(report) == DROP, report.readable
    st.markdown(t("review.marks.about", **counts(report)))
    if not report["by_lines"]:
        st.caption(t("review.table"))
    mend = st.toggle(t("review.mend"), key="review_mend", help=t("review.mend.help"), persist_state="session")
    recipe = get_recipe(report.recipe) if mend else None
    path, stem = report.source.path, report.source.name.split(".")[0]
    kept, left = int((~dropped & readable).sum()), int((dropped | ~readable).sum())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            t("review.export", count=f"{kept:,}"),
            lambda: b"".join(kept_lines(path, dropped, recipe)),
            f"{stem}.kept.jsonl",
            "application/jsonl",
            key="review_export",
            on_click="ignore",
            disabled=not kept,
            icon=":material/download:",
        )
        st.download_button(
            t("review.export_dropped", count=f"{left:,}"),
            lambda: b"".join(left_out_lines(path, report.source.name, dropped, recipe)),
            f"{stem}.left-out.jsonl",
            "application/jsonl",
            key="review_export_dropped",
            on_click="ignore",
            disabled=not left,
            icon=":material/download:",
        )
        if can_undo(report):
            st.button(t("review.undo"), icon=":material/undo:", key="review_undo_all", on_click=undo)
