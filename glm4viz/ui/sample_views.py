"""The views of one labelled sample: token view, heatmap, loss share, table. Each reads the sample's columns."""

import numpy as np
import pandas as pd
import streamlit as st

from glm4viz.explain import ORDER, REASONS, reasons
from glm4viz.figures import loss_share, mask_heatmap
from glm4viz.layout import PARTS
from glm4viz.palette import Theme
from glm4viz.sample import LabelledSample
from glm4viz.tokenizer import VOCABULARY_SIZE
from glm4viz.ui.focus import go_to
from glm4viz.ui.i18n import language, t
from glm4viz.ui.token_view import TEXTS, TokenView, token_view
from glm4viz.ui.verdict import problems
from glm4viz.verdict import shares

TABLE_ROWS = 2_000  # a longer table is sent in pages as the reader scrolls
FIGURE = {"displayModeBar": False, "scrollZoom": False}


def theme() -> Theme:
    """The page's theme."""
    return "dark" if st.context.theme.type == "dark" else "light"


def show_tokens(sample: LabelledSample) -> None:
    st.subheader(t("view"))
    roles = [str(message["role"]) for message in sample.messages]
    # Labels may name ids that stand nowhere in the input, and these need a name too.
    special = {int(i) for ids in (sample.input_ids, sample.labels) for i in np.unique(ids[ids >= VOCABULARY_SIZE])}
    view = TokenView(
        token_bytes=b"".join(sample.token_bytes),
        sizes=np.array([len(b) for b in sample.token_bytes], np.uint16),
        ids=sample.input_ids,
        labels=sample.labels,
        parts=sample.part_codes,
        messages=sample.message_index,
        owners=sample.owner,
        reasons=reasons(sample),
        part_names=list(PARTS),
        part_texts=[t(f"part.{part}") for part in PARTS],
        reason_texts=[REASONS[name][language()] for name in ORDER],
        roles=roles,
        role_texts={role: t(f"role.{role}") for role in ("", *set(roles))},
        names={i: sample.tokenizer.token_bytes(i).decode() for i in special},
        problems=problems(sample),
        focus=st.session_state.get("focus"),
        texts=TEXTS[language()],
        language=language(),
    )
    token_view(view, key="token_view")


def show_heatmap(sample: LabelledSample) -> None:
    st.subheader(t("heatmap"), help=t("heatmap.help"))
    names = {by: t(f"heatmap.by_{by}") for by in ("position", "message")}
    st.session_state.setdefault("heatmap_by", "position")
    by = st.segmented_control(
        t("heatmap.by"),
        names,
        key="heatmap_by",
        format_func=names.__getitem__,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    figure = mask_heatmap(sample, t, by=by or "position", theme=theme())
    alt = t("heatmap.alt", tokens=len(sample), trained=int(sample.trained.sum()))
    st.plotly_chart(figure, key="mask_heatmap", config=FIGURE, alt=alt)


def show_share(sample: LabelledSample) -> None:
    st.subheader(t("share"), help=t("share.help"))
    names = {by: t(f"share.by_{by}") for by in ("role", "message")}
    st.session_state.setdefault("share_by", "role")
    by = st.segmented_control(
        t("share"),
        names,
        key="share_by",
        format_func=names.__getitem__,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    figure = loss_share(shares(sample), t, by=by or "role", theme=theme())
    st.plotly_chart(figure, key="loss_share", config=FIGURE, alt=t("share.alt", by=t(f"share.by_{by}")))


@st.fragment
def show_table(sample: LabelledSample) -> None:
    st.subheader(t("table"))
    table = sample.table()
    table["token"] = table["token"].map({token: visible(token) for token in table["token"].unique()})
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    names = {kind: t(f"table.{kind}") for kind in ("all", "trained", "masked")}
    st.session_state.setdefault("table_filter", "all")
    state = left.segmented_control(
        t("table.filter"),
        names,
        key="table_filter",
        format_func=names.__getitem__,
        required=True,
        persist_state="session",
    )
    needle = right.text_input(t("table.search"), key="table_search", persist_state="session")
    shown = _filtered(table, state or "all", needle or "")
    lazy = len(shown) > TABLE_ROWS
    if lazy:  # a table that is sent in pages has no selection
        with st.container(key="token_table"):
            st.dataframe(shown, hide_index=True, height=360, lazy=True, alt=t("table"))
    else:
        event = st.dataframe(
            shown, hide_index=True, height=360, alt=t("table"), key="token_table", on_select="rerun", selection_mode="single-row"
        )
        _go_to_selected(shown, event["selection"]["rows"])
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.caption(t("table.count", count=len(shown), total=len(table)))
    right.download_button(
        t("table.download"),
        lambda: shown.to_csv(index=False).encode("utf-8-sig"),
        "tokens.csv",
        "text/csv",
        key="table_download",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )


def _go_to_selected(shown: pd.DataFrame, rows: list[int]) -> None:
    """Move the token view to a row that was just selected."""
    position = int(shown["position"].iloc[rows[0]]) if rows and rows[0] < len(shown) else None
    if position is not None and position != st.session_state.get("table_position"):
        st.session_state.table_position = position
        go_to(position)
        st.rerun()
    st.session_state.table_position = position


def visible(token: str) -> str:
    """A token with its controls and line breaks written as escapes, and spaces kept."""
    return "".join(c if c.isprintable() or c == " " else c.encode("unicode_escape").decode() for c in token)


def _filtered(table: pd.DataFrame, state: str, needle: str) -> pd.DataFrame:
    keep = pd.Series(True, table.index) if state == "all" else table["trained"] == (state == "trained")
    if needle:
        keep &= table["token"].str.contains(needle, case=False, regex=False) | (table["id"].astype(str) == needle)
    return table[keep]
