"""The records of a dataset, a page at a time: those of one rule, severity or text, the worst first, each leading to Inspect."""

from collections import Counter

import numpy as np
import pandas as pd
import streamlit as st

from glm4viz.check.page import word
from glm4viz.linter import SEVERITIES
from glm4viz.recipe import Mask
from glm4viz.ui.dataset.marks import MARKS, marks_of
from glm4viz.ui.dataset.report import ALL_RULES, Numbers, Report
from glm4viz.ui.dataset.review import begin, steps_through
from glm4viz.ui.dataset.views import findings_csv
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.widgets.choose import choose

ROWS = 25  # of a page
ORDERS = ("worst", "longest", "least", "file")


def show_records(report: Report, rule: int | None) -> None:
    """The filters, the records they leave, and what leads to one of them."""
    st.subheader(t("dataset.list"), anchor=False)
    severities, needle, order, clean = _filters()
    kept = np.isin(report["severity"], severities)
    if rule is not None:
        kept &= report["rule"] == rule
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/filter_alt: {plain(ALL_RULES[rule].title[language()])}")
            st.button(t("dataset.all_rules"), icon=":material/close:", key="dataset_all_rules", type="tertiary", on_click=_all_rules)
    listed = kept if rule is not None else kept & ~report.of_file
    shown = _with_findings(report, listed)
    if rule is None and report.of_file.any():
        st.caption(t("dataset.list.whole"))
    if not report.findings or (clean and rule is None):
        shown |= ~_with_findings(report, np.ones(report.findings, bool))
    if needle:
        shown &= _holding(report, needle)
        kept &= shown[report["record"]]
    records = _ordered(report, np.flatnonzero(shown), order)
    if not len(records):
        st.info(t("dataset.list.none"), icon=":material/search_off:")
    else:
        filters = (report.source.stamp, report.recipe, report.max_length, report.ignored, rule, *severities, needle, order, clean)
        page = _page(len(records), filters)
        _table(report, kept, records, slice(page * ROWS, (page + 1) * ROWS), rule is not None)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        _open_by_number(len(report))
        st.download_button(
            t("dataset.csv", count=f"{int(kept.sum()):,}"),
            findings_csv(report, kept),
            "findings.csv",
            "text/csv",
            key="dataset_csv",
            on_click="ignore",
            disabled=not kept.any(),
            icon=":material/download:",
        )
    _open_chosen(report, steps_through(report, records, kept))


def _filters() -> tuple[list[int], str, str, bool]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.session_state.setdefault("dataset_severity", list(SEVERITIES))
        severities = st.pills(
            t("dataset.severity"),
            SEVERITIES,
            selection_mode="multi",
            key="dataset_severity",
            format_func=lambda severity: word(severity, language()),
            persist_state="session",
        )
        order = choose("dataset_order", t("dataset.order"), {order: t(f"dataset.order.{order}") for order in ORDERS})
        needle = st.text_input(
            t("dataset.search"),
            key="dataset_search",
            icon=":material/search:",
            persist_state="session",
            width=190,
        )
        clean = st.toggle(t("dataset.clean"), key="dataset_clean", persist_state="session")
    return [SEVERITIES.index(severity) for severity in severities or SEVERITIES], (needle or "").strip(), order, clean


def _all_rules() -> None:
    st.session_state.dataset_findings = {"selection": {"rows": []}}


def _with_findings(report: Report, kept: Mask) -> Mask:
    shown = np.zeros(len(report), bool)
    shown[report["record"][kept]] = True
    return shown


def _holding(report: Report, needle: str) -> Mask:
    """The records that hold the text. The last search is kept: a page is run again at every click."""
    key, last = (report.source.stamp, needle), st.session_state.get("dataset_found")
    if last is None or last[0] != key:
        with st.spinner(t("dataset.searching")):
            last = st.session_state.dataset_found = (key, report.find(needle))
    found: Mask = last[1]
    return found


def _ordered(report: Report, records: Numbers, order: str) -> Numbers:
    if order == "longest":
        return records[np.argsort(-report["full"][records], kind="stable")]
    if order == "least":
        share = report["trained"][records] / np.maximum(report["kept"][records], 1)
        return records[np.lexsort((-report["full"][records], share))]
    if order == "worst":
        return records[np.lexsort(-report.own_counts[::-1, records])]
    return records


def _page(count: int, filters: object) -> int:
    """The page that is shown, from 0. Other filters begin at the first again: the widget's key holds them."""
    pages, page = -(-count // ROWS), 1
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="dataset_pages"):
        more = " " + t("dataset.list.all", shown=ROWS) if pages > 1 else ""
        st.caption(t("dataset.list.count", count=f"{count:,}") + more + " " + t("dataset.list.open"))
        if pages > 1:
            page = st.pagination(pages, key=f"dataset_page_{hash(filters)}", max_visible_pages=5, persist_state="session")
    return page - 1


def _table(report: Report, kept: Mask, all_records: Numbers, on_page: slice, alone: bool) -> None:
    """One page of records, each with its findings in words. A row that is selected opens its record."""
    here, records = language(), all_records[on_page]
    found = {int(record): list[str]() for record in records}
    which = np.flatnonzero(kept & np.isin(report["record"], records))
    for code, record, own in zip(report["rule"][which], report["record"][which], report.sentences(which.tolist(), here), strict=True):
        found[int(record)].append(_said(ALL_RULES[int(code)].title[here], own, alone))
    counts, line = report.counts[:, records], report["line"][records]
    known = [int(nth) for nth in records]
    fine = ["–" if report.hidden[nth] else t("dataset.fine") for nth in known]
    worst = [word(SEVERITIES[int(c.argmax())], here) if c.any() else fine[nth] for nth, c in enumerate(counts.T > 0)]
    full, trained = report["full"][records], report["trained"][records]
    table = pd.DataFrame(
        {
            t("dataset.record"): records + 1,
            t("dataset.line"): pd.array([n or None for n in line.tolist()], "Int64"),
            **_marked(report, known),
            t("dataset.severity"): worst,
            t("dataset.found"): [_joined(found[nth]) for nth in known],
            t("dataset.begins"): report.beginnings(known),
            t("dataset.tokens"): pd.array([n if n >= 0 else None for n in full.tolist()], "Int64"),
            t("dataset.trained"): np.where(full >= 0, trained / np.maximum(report["kept"][records], 1), np.nan),
        }
    )
    # Its key holds the rows, so that a selection never outlives them.
    event = st.dataframe(
        table,
        hide_index=True,
        key=f"dataset_records_{hash((report.source.stamp, report.recipe, report.max_length, tuple(known)))}",
        on_select="rerun",
        selection_mode="single-row",
        height=38 + 35 * len(known),
        column_config={
            t("dataset.record"): st.column_config.NumberColumn(width=70),
            t("dataset.line"): st.column_config.NumberColumn(width=60),
            t("review.mark"): st.column_config.TextColumn(width=70),
            t("dataset.severity"): st.column_config.TextColumn(width=90),
            t("dataset.found"): st.column_config.TextColumn(width=390),
            t("dataset.begins"): st.column_config.TextColumn(width=280),
            t("dataset.tokens"): st.column_config.NumberColumn(width=80, format="localized"),
            t("dataset.trained"): st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width=90),
        },
        placeholder="–",
        alt=t("dataset.list.alt", count=len(known)),
    )
    rows = event["selection"]["rows"]
    if rows and rows[0] < len(known):
        begin(report, known[rows[0]], steps_through(report, all_records, kept))


def _marked(report: Report, records: list[int]) -> dict[str, list[str]]:
    """The column of marks, if any of these has one or was the last to be looked at."""
    review, marks = st.session_state.get("review"), marks_of(report)
    last = review.record if review and review.report.source.stamp == report.source.stamp else -1
    column = [("▸ " if n == last else "") + (t(f"review.marked.{MARKS[marks[n]]}") if marks[n] else "") for n in records]
    return {t("review.mark"): column} if any(column) else {}


def _said(title: str, own: str, alone: bool) -> str:
    """What was found; the rule's title isn't repeated where all findings are of one rule."""
    return own if alone and own else f"{title} ({own})" if own else title


def _joined(texts: list[str]) -> str:
    """Each text once, with how often it is there."""
    return " · ".join(text if count == 1 else f"{text} ×{count}" for text, count in Counter(texts).items())


def _open_by_number(count: int) -> None:
    """The same without a mouse, and for any record."""
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        st.session_state["dataset_open"] = min(st.session_state.get("dataset_open") or 1, count)
        st.number_input(t("dataset.open.which"), 1, count, key="dataset_open", width=170)
        st.button(t("dataset.open"), icon=":material/frame_inspect:", key="dataset_open_go", on_click=_choose)


def _choose() -> None:
    st.session_state.dataset_chosen = st.session_state.dataset_open - 1


def _open_chosen(report: Report, steps: Numbers) -> None:
    chosen = st.session_state.pop("dataset_chosen", None)
    if chosen is not None and chosen < len(report):
        begin(report, chosen, steps)
