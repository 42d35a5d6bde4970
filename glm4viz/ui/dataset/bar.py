"""Above the record in Inspect: which one it is, what was found in it and how to mend it, the ways on and back, keep or drop."""

import streamlit as st

from glm4viz.check.page import word
from glm4viz.linter import SEVERITIES
from glm4viz.ui.dataset.marks import MARKS, mark, marks_of
from glm4viz.ui.dataset.pair import show_pair
from glm4viz.ui.dataset.report import ALL_RULES, Report
from glm4viz.ui.dataset.review import Review, current, end, go_on, step
from glm4viz.ui.i18n import language, plain, t

# What was found stays in sight while the tokens are looked at.
_PINNED = """
@media (min-height: 600px) {
  :has(> .st-key-review) { position: sticky; top: 3.25rem; z-index: 99; background: Canvas; border-radius: 0.5rem; }
  [data-testid="stMain"]:has(.st-key-review) { scroll-padding-top: 47vh; }
  .st-key-review { max-height: 42vh; overflow: auto; gap: 0.5rem; }
}
"""


def show_review() -> None:
    """The bar, if the record came from a list of the Dataset page."""
    review = current()
    if review is None:
        return
    st.html(f"<style>{_PINNED}</style>")
    with st.container(border=True, key="review"):
        _place(review)
        _ways(review)
        if review.finding is not None:
            _finding(review.report, review.finding)
        else:
            st.markdown(t("review.clean"))
        if not review.text:
            st.error(t("review.gone"), icon=":material/error:")
        elif st.session_state.get("paste") != review.text:
            st.caption(":material/edit: " + t("review.edited"))
        other = None if review.finding is None else review.report.other(review.finding)
        if other is not None and review.text:
            show_pair(review.report, review.record, other)


def _place(review: Review) -> None:
    record, report = review.record, review.report
    line = int(report["line"][record])
    place = t("review.record", record=f"{record + 1:,}", total=f"{len(report):,}")
    place += t("review.line", line=f"{line:,}") if line else ""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f":material/fact_check: **{plain(report.source.name)}** · {place}", width="content")
        with st.container(horizontal=True, width="content"):
            if st.button(t("review.back"), icon=":material/arrow_back:", key="review_back"):
                go_on("pages/dataset.py")
            st.button("", icon=":material/close:", help=t("review.close"), key="review_close", type="tertiary", on_click=end)


def _finding(report: Report, finding: int) -> None:
    here, rule = language(), ALL_RULES[int(report["rule"][finding])]
    severity, message = SEVERITIES[int(report["severity"][finding])], int(report["message"][finding])
    where = f" · `messages[{message}]`" if message >= 0 else ""
    st.markdown(f"**{plain(rule.title[here])}** · {word(severity, here)} · `{rule.id}`{where}")
    own = report.sentences([finding], here)[0]
    gap = " " if here == "en" else ""
    st.markdown(plain(rule.harm[here] + (gap + own if own else "")))
    st.markdown(f":material/build: {plain(rule.mend[here])}")


def _ways(review: Review) -> None:
    at, count, marks = review.at, len(review.steps), marks_of(review.report)
    now = MARKS[marks[review.record]]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(t("review.previous"), icon=":material/chevron_left:", key="review_previous", on_click=step, args=(-1,), disabled=at == 0)
        st.button(t("review.next"), icon=":material/chevron_right:", key="review_next", on_click=step, args=(1,), disabled=at == count - 1)
        st.caption(t("review.step", at=f"{at + 1:,}", count=f"{count:,}"), width="content")
        for wanted, icon in (("keep", "check_circle"), ("drop", "delete")):
            st.button(
                t(f"review.{wanted}"),
                icon=f":material/{icon}:",
                key=f"review_{wanted}",
                type="primary" if now == wanted else "secondary",
                help=t(f"review.help.{wanted}"),
                on_click=mark,
                args=(review.report, review.record, wanted),
            )
        st.caption(t("review.count", **counts(review.report)), width="content")


def counts(report: Report) -> dict[str, str]:
    """How many records are marked."""
    marks = marks_of(report)
    return {name: f"{int((marks == MARKS.index(name)).sum()):,}" for name in ("keep", "drop")}
