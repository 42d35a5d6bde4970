"""A table of tokens with filter, search and download, however long."""

import pandas as pd
import streamlit as st

from glm4viz.texts import printable
from glm4viz.ui.i18n import t
from glm4viz.ui.widgets.choose import choose

PAGED_ROWS = 2_000  # a longer table is sent in pages as the reader scrolls


def show_filtered(table: pd.DataFrame, file: str, *, key: str) -> int | None:
    """The table (columns position, id, token, trained and more); returns the position of the selected row, if any."""
    table["token"] = table["token"].map({token: printable(token) for token in table["token"].unique()})
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    state = choose(f"{key}_filter", t("table.filter"), {kind: t(f"table.{kind}") for kind in ("all", "trained", "masked")}, where=left)
    needle = right.text_input(t("table.search"), key=f"{key}_search", persist_state="session")
    shown, selected = _filtered(table, state, needle or ""), None
    if len(shown) > PAGED_ROWS:  # a table that is sent in pages has no selection
        with st.container(key=key):
            st.dataframe(shown, hide_index=True, height=360, lazy=True, alt=t("table"))
    else:
        event = st.dataframe(shown, hide_index=True, height=360, alt=t("table"), key=key, on_select="rerun", selection_mode="single-row")
        rows = event["selection"]["rows"]
        selected = int(shown["position"].iloc[rows[0]]) if rows and rows[0] < len(shown) else None
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.caption(t("table.count", count=len(shown), total=len(table)))
    right.download_button(
        t("table.download"),
        lambda: shown.to_csv(index=False).encode("utf-8-sig"),
        file,
        "text/csv",
        key=f"{key}_download",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )
    return selected


def _filtered(table: pd.DataFrame, state: str, needle: str) -> pd.DataFrame:
    keep = pd.Series(True, table.index) if state == "all" else table["trained"] == (state == "trained")
    if needle:
        keep &= table["token"].str.contains(needle, case=False, regex=False) | (table["id"].astype(str) == needle)
    return table[keep]
