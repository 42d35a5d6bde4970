"""Plotly figures of a batch: its rows, padded or packed, and the position ids along one of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from glm4viz.figures.base import NAMED_CELLS, Translate, flat, framed, thinned
from glm4viz.figures.palette import PALETTES, Palette, Theme
from glm4viz.figures.tokens import NOTHING, TRAINED, cell_names, colours_of, kinds_of, name_kinds
from glm4viz.recipe import Mask
from glm4viz.rows.collator import Collated
from glm4viz.rows.packing import Packed


def rows_heatmap(
    rows: Collated, names: Sequence[str], t: Translate, *, sample_names: Sequence[str] = (), theme: Theme = "light"
) -> go.Figure:
    """One cell a position, one row a row of the batch: amber if trained, else its role's pale colour; padding is hatched.

    With `sample_names`, for packed rows, a line stands where a sample begins.
    """
    palette = PALETTES[theme]
    kinds = rows.spread([kinds_of(sample) for sample in rows.samples], NOTHING)
    labels = rows.spread([cell_names(sample, t) for sample in rows.samples], t("part.padding")) if kinds.size <= NAMED_CELLS else None
    if labels is not None and sample_names:
        owners = np.array([*sample_names, ""], object)[rows.sample_index]
        labels = np.where(rows.padding, labels, owners + " · " + labels)
    figure = bands(kinds, colours_of(palette), labels)
    _hatch(figure, rows.padding, t("part.padding"), palette)
    if sample_names:
        _boundaries(figure, rows, t("batch.boundary"), palette)
    present = [kind for kind in range(NOTHING) if (kinds == kind).any()]
    if sample_names:  # the padded batch has the whole legend
        present = [kind for kind in present if kind == TRAINED]
    name_kinds(figure, present, palette, t)
    framed_rows(figure, palette, names, t)
    return figure.update_layout(height=figure.layout.height + 60) if sample_names else figure


def _hatch(figure: go.Figure, padding: Mask, name: str, palette: Palette) -> None:
    """A hatched box over each run of padding."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for row, cells in enumerate(padding):
        edges = np.flatnonzero(np.diff(cells.astype(np.int8), prepend=0, append=0))
        for start, stop in edges.reshape(-1, 2).tolist():
            xs += [start - 0.5, stop - 0.5, stop - 0.5, start - 0.5, start - 0.5, None]
            ys += [row - 0.42, row - 0.42, row + 0.42, row + 0.42, row - 0.42, None]
    if not xs:
        return
    figure.add_scatter(
        x=xs,
        y=ys,
        mode="lines",
        fill="toself",
        fillpattern={"shape": "/", "fgcolor": palette.roles[""], "bgcolor": palette.ground, "size": 7, "solidity": 0.15},
        line={"color": palette.roles[""], "width": 0.5},
        name=name,
        hoverinfo="skip",
    )


def _boundaries(figure: go.Figure, rows: Collated, name: str, palette: Palette) -> None:
    """An upright line where each sample of a row begins."""
    row, column = np.nonzero((rows.position_ids == 0) & ~rows.padding)
    blank = np.full(len(row), np.nan)
    figure.add_scatter(
        x=np.stack([column - 0.5, column - 0.5, blank], 1).ravel(),
        y=np.stack([row - 0.5, row + 0.5, blank], 1).ravel(),
        mode="lines",
        line={"color": palette.ink, "width": 3},
        name=name,
        hoverinfo="skip",
    )


def position_line(packed: Packed, row: int, restart: bool, t: Translate, *, theme: Theme = "light") -> go.Figure:
    """The position ids along one packed row: a saw where every sample starts anew, one slope where they run on. The other is dotted."""
    palette, figure = PALETTES[theme], go.Figure()
    real = int((~packed.padding[row]).sum())
    at = np.unique(np.concatenate([thinned(real), *([start - 1, start] for start in packed.boundaries(row) if start)]).astype(np.int64))
    lines = (("restart", packed.position_ids[row], restart), ("run_on", packed.running_position_ids[row], not restart))
    for name, ids, chosen in sorted(lines, key=lambda line: line[2]):
        figure.add_scatter(
            x=at,
            y=ids[at],
            mode="lines",
            name=t(f"batch.positions.{name}"),
            line={"color": palette.roles["user" if chosen else ""], "width": 3 if chosen else 1.5, "dash": "solid" if chosen else "dot"},
            hovertemplate="%{x} → %{y}<extra></extra>",
        )
    for start in packed.boundaries(row)[1:]:
        figure.add_vline(x=start - 0.5, line={"color": palette.ink, "width": 1})
    figure.update_yaxes(title=t("batch.position_id"), rangemode="tozero")
    figure.update_xaxes(title=t("batch.position"), rangemode="tozero")
    return framed(figure, palette, height=420)


def bands(kinds: npt.NDArray[Any], colours: Sequence[str], labels: Any) -> go.Figure:
    """A heatmap with room between its rows. labels: what to say of each cell, or None."""
    return go.Figure(
        flat(
            kinds,
            colours,
            y=np.arange(len(kinds)),
            xgap=0 if kinds.shape[1] > 160 else 1,
            ygap=3,
            customdata=labels,
            hovertemplate=("%{x}<br>%{customdata}" if labels is not None else "%{x}") + "<extra></extra>",
        )
    )


def framed_rows(figure: go.Figure, palette: Palette, names: Sequence[str], t: Translate) -> go.Figure:
    """The figure with the rows' names, as high as they need."""
    step = -(-len(names) // 32) or 1
    ticks = list(range(0, len(names), step))
    figure.update_yaxes(range=[len(names) - 0.5, -0.5], tickvals=ticks, ticktext=[names[i] for i in ticks], showgrid=False, zeroline=False)
    figure.update_xaxes(title=t("batch.position"), showgrid=False, zeroline=False)
    return framed(figure, palette, height=int(np.clip(len(names) * 24, 60, 560)) + 120)
