"""What the reader asks of a check beside recipe and limit: rules to leave out, and whether near duplicates are looked for."""

import streamlit as st

from glm4viz.linter import RULES
from glm4viz.ui.dataset.report import ALL_RULES, Report
from glm4viz.ui.i18n import language, t

CODES = {rule.id: code for code, rule in enumerate(ALL_RULES)}


def choose_near() -> bool:
    """Whether near duplicates are looked for, which takes more time and memory."""
    return st.toggle(t("dataset.near"), key="dataset_near", help=t("dataset.near.help"), persist_state="session")


def choose_ignored() -> list[int]:
    """The rules (numbers) whose findings are left out."""
    names = {id: f"{rule.title[language()]} · {id}" for id, rule in RULES.items()}
    chosen = st.multiselect(
        t("dataset.ignore"),
        list(names),
        key="dataset_ignore",
        format_func=names.__getitem__,
        help=t("dataset.ignore.help"),
        placeholder=t("dataset.ignore.none"),
        persist_state="session",
    )
    return sorted(CODES[id] for id in chosen)


def leave_out(report: Report, ignored: list[int]) -> Report:
    """The report without the findings of these rules; the last one is kept, since a page is run again at every click."""
    if not ignored:
        return report
    last: Report | None = st.session_state.get("dataset_without")
    if last is None or last.whole is not report or last.ignored != tuple(ignored):
        last = st.session_state.dataset_without = report.without(ignored)
    return last
