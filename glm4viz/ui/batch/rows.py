"""The batch as rows: padded, packed, and what each sample and token weighs in the mean."""

import numpy as np
import pandas as pd
import streamlit as st

from glm4viz.figures.attention import attention_map
from glm4viz.figures.rows import position_line, rows_heatmap
from glm4viz.figures.weights import weight_bars
from glm4viz.rows.collator import Side, collate
from glm4viz.rows.fed import as_fed
from glm4viz.rows.packing import Method, Packed, pack
from glm4viz.rows.weights import MEANS, loss_weights
from glm4viz.run.sample import CapturedSample
from glm4viz.ui.batch.samples import Cut, is_fed
from glm4viz.ui.i18n import t
from glm4viz.ui.theme import FIGURE, theme
from glm4viz.ui.widgets.choose import choose

SIDES: tuple[Side, ...] = ("left", "right")
METHODS: tuple[Method, ...] = ("first-fit-decreasing", "sequential")
MULTIPLES = (1, 8, 16, 32, 64, 128)
MOST_CELLS = 1_500_000  # of a heatmap
MOST_ATTENTION = 4_096  # tokens of a row whose attention is drawn


def show_rows(cut: Cut) -> None:
    """The padded batch."""
    st.subheader(t("batch.rows"), anchor=False, help=t("batch.rows.help"))
    state = st.session_state
    state.setdefault("batch_multiple", 1)
    names = {n: str(n) if n > 1 else t("batch.multiple.none") for n in MULTIPLES}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        sides = ("fed", *SIDES) if is_fed(cut.whole) else SIDES
        side = choose("batch_side", t("batch.side"), {side: t(f"batch.side.{side}") for side in sides})
        multiple = st.selectbox(
            t("batch.multiple"),
            MULTIPLES,
            key="batch_multiple",
            format_func=names.__getitem__,
            persist_state="session",
            width=200,
            disabled=side == "fed",
        )
    fed = [sample for sample in cut.samples if isinstance(sample, CapturedSample)]
    rows = as_fed(fed) if side == "fed" else collate(cut.samples, "right" if side == "right" else "left", multiple)
    count, width = rows.shape
    left, middle, right = st.columns(3)
    left.metric(t("batch.shape"), t("batch.shape.value", rows=count, width=width), border=True)
    middle.metric(t("batch.padding"), f"{rows.padding_share:.1%}", border=True)
    real = count * width - int(rows.padding.sum())
    trained = sum(int(sample.trained.sum()) for sample in cut.samples)
    right.metric(t("batch.trained_share"), f"{trained / max(real, 1):.1%}", border=True)
    if count * width > MOST_CELLS:
        st.info(t("batch.too_large", most=MOST_CELLS), icon=":material/info:")
        return
    if count < len(cut.samples):  # packed
        figure = rows_heatmap(rows, [t("batch.row", row=row + 1) for row in range(count)], t, sample_names=cut.names, theme=theme())
    else:
        figure = rows_heatmap(rows, cut.names, t, theme=theme())
    alt = t("batch.rows.alt", rows=count, width=width, share=f"{rows.padding_share:.0%}")
    st.plotly_chart(figure, key="batch_rows", config=FIGURE, alt=alt)


# Weights --------------------------------------------------------------------------------------------------------------


def show_weights(cut: Cut) -> None:
    """Who counts how much in the mean."""
    if not cut.samples:
        return
    st.markdown(t("batch.weights.about"))
    padded = collate(cut.samples)
    packed = pack(cut.samples, int(st.session_state.get("batch_length") or _default_length(cut)))
    weights = {mean: loss_weights(packed if mean == "row" else padded, mean) for mean in MEANS}
    per_token = weights["token"].sample
    if not per_token.any():
        st.warning(t("batch.nothing"), icon=":material/warning:")
        return
    top = int(per_token.argmax())
    least = int(np.where(per_token > 0, per_token, np.inf).argmin())
    st.markdown(
        t(
            "batch.weights.top",
            top=cut.names[top],
            share=f"{per_token[top]:.1%}",
            even=f"{1 / max(int((per_token > 0).sum()), 1):.1%}",
            least=cut.names[least],
            times=f"{per_token[top] / per_token[least]:.1f}",
        )
    )
    figure = weight_bars(weights, cut.names, t, theme=theme())
    st.plotly_chart(
        figure, key="batch_weights", config=FIGURE, alt=t("batch.weights.alt", top=cut.names[top], share=f"{per_token[top]:.0%}")
    )
    table = pd.DataFrame({t("batch.sample"): cut.names, t("table.trained"): weights["token"].trained})
    shares, tokens = {}, {}
    for mean, found in weights.items():
        name, counts = t(f"batch.mean.{mean}"), np.maximum(found.trained, 1)
        table[name] = found.sample
        table[t("batch.mean.one", mean=name)] = found.sample / counts
        shares[name] = st.column_config.NumberColumn(format="percent", help=t(f"batch.mean_help.{mean}"))
        tokens[t("batch.mean.one", mean=name)] = st.column_config.NumberColumn(format="%.5f")
    st.dataframe(table, hide_index=True, column_config=shares | tokens, key="batch_weights_table", alt=t("batch.weights.table"))
    st.caption(t("batch.weights.packed", rows=len(packed.bins)))


# Packing --------------------------------------------------------------------------------------------------------------


def show_packing(cut: Cut) -> None:
    """The same samples, several to a row."""
    if not cut.samples:
        return
    st.markdown(t("batch.packing.about"))
    state = st.session_state
    for key, value in (
        ("batch_length", _default_length(cut)),
        ("batch_block", False),
        ("batch_restart", True),
    ):
        state.setdefault(key, value)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        length = st.number_input(t("batch.length"), 1, 1_000_000, key="batch_length", persist_state="session", width=200)
        chosen = choose("batch_method", t("batch.method"), {method: t(f"batch.method.{method}") for method in METHODS})
    with st.container(horizontal=True, gap="medium"):
        block = st.toggle(t("batch.block"), key="batch_block", persist_state="session", help=t("batch.block.help"))
        restart = st.toggle(t("batch.restart"), key="batch_restart", persist_state="session", help=t("batch.restart.help"))
    packed = pack(cut.samples, int(length or 1), "sequential" if chosen == "sequential" else "first-fit-decreasing")
    _packing_numbers(packed, block)
    rows, width = packed.shape
    if rows * width > MOST_CELLS:
        st.info(t("batch.too_large", most=MOST_CELLS), icon=":material/info:")
        return
    row_names = [t("batch.row", row=row + 1) for row in range(rows)]
    figure = rows_heatmap(packed, row_names, t, sample_names=cut.names, theme=theme())
    alt = t("batch.packing.alt", rows=rows, samples=len(cut.samples), used=f"{packed.used:.0%}")
    st.plotly_chart(figure, key="batch_packed", config=FIGURE, alt=alt)
    st.caption(" · ".join(f"{row_names[row]}: {', '.join(cut.names[i] for i in held)}" for row, held in enumerate(packed.bins[:16])))
    _one_row(packed, row_names, block, restart)


def _one_row(packed: Packed, row_names: list[str], block: bool, restart: bool) -> None:
    """One packed row: its position ids, and who sees whom."""
    if st.session_state.get("batch_row", 0) not in range(len(row_names)):
        st.session_state.batch_row = 0
    row = 0
    if len(row_names) > 1:
        row = st.selectbox(t("batch.one_row"), range(len(row_names)), key="batch_row", format_func=row_names.__getitem__, width=200) or 0
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**{t('batch.position_ids')}**")
        st.caption(t("batch.position_ids.restart" if restart else "batch.position_ids.run_on"))
        figure = position_line(packed, row, restart, t, theme=theme())
        st.plotly_chart(figure, key="batch_positions", config=FIGURE, alt=t("batch.position_ids.alt", row=row + 1))
    with right:
        _attention(packed, row, block)


def _packing_numbers(packed: Packed, block: bool) -> None:
    columns = st.columns(4)
    columns[0].metric(t("batch.rows.count"), t("batch.shape.value", rows=packed.shape[0], width=packed.shape[1]), border=True)
    columns[1].metric(t("batch.used"), f"{packed.used:.1%}", border=True)
    seeing = 0 if block else int((packed.foreign > 0).sum())
    real = int((~packed.padding).sum())
    columns[2].metric(t("batch.foreign"), t("verdict.of", count=seeing, total=real), border=True, help=t("batch.foreign.help"))
    columns[3].metric(
        t("batch.foreign_share"), f"{0 if block else packed.foreign_share:.1%}", border=True, help=t("batch.foreign_share.help")
    )
    if packed.dropped:
        st.warning(t("batch.dropped", count=packed.dropped), icon=":material/content_cut:")
    if packed.crossings:
        st.warning(t("batch.crossings", count=packed.crossings), icon=":material/warning:")


def _attention(packed: Packed, row: int, block: bool) -> None:
    st.markdown(f"**{t('batch.attention')}**")
    tokens = int((~packed.padding[row]).sum())
    if tokens > MOST_ATTENTION:
        st.info(t("batch.attention.too_long", most=MOST_ATTENTION), icon=":material/info:")
        return
    st.caption(t("batch.attention.blocked" if block else "batch.attention.leaks"))
    foreign = 0 if block else int(packed.foreign[row].sum())
    figure = attention_map(packed.attention(row), block, t, theme=theme())
    st.plotly_chart(figure, key="batch_attention", config=FIGURE, alt=t("batch.attention.alt", row=row + 1, pairs=foreign))


def _default_length(cut: Cut) -> int:
    """Room for about three samples in a row, so that there is something to see."""
    longest, total = max(map(len, cut.samples)), sum(map(len, cut.samples))
    return int(max(longest, min(total, -(-3 * total // len(cut.samples)))))
