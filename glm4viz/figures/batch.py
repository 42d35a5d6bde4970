"""Plotly figures of several samples: what a limit keeps, the batch as rows, packed rows, weights, evaluation pairs."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from glm4viz.figures.palette import PALETTES, Palette, Theme
from glm4viz.figures.sample import NAMED_CELLS, ROLES, TRAINED, Translate, cell_names, framed, steps
from glm4viz.recipe import Mask
from glm4viz.rows.collator import Collated
from glm4viz.rows.packing import Packed
from glm4viz.rows.truncation import Curve
from glm4viz.rows.weights import Mean, Weights

MOST_POINTS = 1_500  # of a curve; more can't be told apart on a screen
MOST_CELLS = 220  # along each side of an attention map
PADDING = TRAINED + 1
Floats = npt.NDArray[np.float64]


def kept_curve(curve: Curve, max_length: int, t: Translate, *, theme: Theme = "light") -> go.Figure:
    """For every limit, which part of answers, stop tokens, samples and trained tokens is kept; a line stands at `max_length`."""
    palette, figure = PALETTES[theme], go.Figure()
    at = _thinned(curve)
    lines = (
        ("tokens", curve.tokens, palette.trained, "solid"),
        ("samples", curve.samples, palette.ink, "dot"),
        ("answers", curve.answers, palette.roles["assistant"], "dash"),
        ("stops", curve.stops, palette.roles["user"], "longdashdot"),
    )
    for name, counts, colour, dash in lines:
        total = int(counts[-1])
        figure.add_scatter(
            x=curve.lengths[at],
            y=counts[at] / max(total, 1),
            customdata=counts[at],
            name=t(f"batch.kept.{name}"),
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2.5, "shape": "hv"},
            hovertemplate=f"%{{customdata}} / {total}",
        )
    figure.add_vline(x=max_length, line={"color": palette.ink, "width": 2})
    figure.add_annotation(
        x=max_length,
        y=1.0,
        yshift=12,
        text=f"<b>{max_length}</b>",
        showarrow=False,
        font={"color": palette.ink},
        bgcolor=palette.ground,
    )
    figure.update_yaxes(tickformat=".0%", range=[-0.02, 1.12], tickvals=[0, 0.25, 0.5, 0.75, 1], title=None)
    figure.update_xaxes(title=t("batch.limit"), rangemode="tozero")
    figure.update_layout(hovermode="x unified", hoverlabel={"bgcolor": palette.ground, "font": {"color": palette.ink}})
    framed(figure, palette, height=330)
    return figure.update_layout(legend_y=1.06)


def _thinned(curve: Curve) -> npt.NDArray[np.int64]:
    """Which points to draw: all, or as many as a screen can show."""
    count = len(curve.lengths)
    return np.arange(count) if count <= MOST_POINTS else np.unique(np.linspace(0, count - 1, MOST_POINTS).astype(np.int64))


# Rows of tokens -------------------------------------------------------------------------------------------------------


def rows_heatmap(
    rows: Collated, names: Sequence[str], t: Translate, *, sample_names: Sequence[str] = (), theme: Theme = "light"
) -> go.Figure:
    """One cell a position, one row a row of the batch: amber if trained, else its role's pale colour; padding is hatched.

    With `sample_names`, for packed rows, a line stands where a sample begins.
    """
    palette = PALETTES[theme]
    kinds = rows.spread([_kinds(sample) for sample in rows.samples], PADDING)
    colours = [*(palette.masked(role) for role in ROLES), palette.trained, "rgba(0,0,0,0)"]
    labels = rows.spread([cell_names(sample, t) for sample in rows.samples], t("part.padding")) if kinds.size <= NAMED_CELLS else None
    if labels is not None and sample_names:
        owners = np.array([*sample_names, ""], object)[rows.sample_index]
        labels = np.where(rows.padding, labels, owners + " · " + labels)
    figure = _heatmap(kinds, colours, names, labels)
    _hatch(figure, rows.padding, t("part.padding"), palette)
    if sample_names:
        _boundaries(figure, rows, t("batch.boundary"), palette)
    present = [i for i in range(PADDING) if (kinds == i).any()]
    if sample_names:  # the padded batch has the whole legend
        present = [i for i in present if i == TRAINED]
    for i in present:  # a heatmap has no legend of its own
        name = t("table.trained") if i == TRAINED else t("heatmap.masked", role=t(f"role.{ROLES[i]}"))
        figure.add_scatter(x=[None], y=[None], mode="markers", name=name, marker={"color": colours[i], "symbol": "square", "size": 11})
    _rows_framed(figure, palette, names, t)
    return figure.update_layout(height=figure.layout.height + 60) if sample_names else figure


def position_line(packed: Packed, row: int, restart: bool, t: Translate, *, theme: Theme = "light") -> go.Figure:
    """The position ids along one packed row: a saw where every sample starts anew, one slope where they run on. The other is dotted."""
    palette, figure = PALETTES[theme], go.Figure()
    real = int((~packed.padding[row]).sum())
    at = np.unique(np.linspace(0, real - 1, min(real, MOST_POINTS)).astype(np.int64)) if real else np.empty(0, np.int64)
    at = np.unique(np.concatenate([at, *([start - 1, start] for start in packed.boundaries(row) if start)]).astype(np.int64))
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


def _kinds(sample: Any) -> npt.NDArray[np.uint8]:
    role_codes = np.select([sample.roles == role for role in ROLES], range(len(ROLES)))
    return np.where(sample.trained, TRAINED, role_codes).astype(np.uint8)


def _heatmap(kinds: npt.NDArray[Any], colours: Sequence[str], names: Sequence[str], labels: Any) -> go.Figure:
    wide = kinds.shape[1] > 160
    return go.Figure(
        go.Heatmap(
            z=kinds,
            y=np.arange(len(names)),
            colorscale=steps(colours),
            zmin=0,
            zmax=len(colours) - 1,
            showscale=False,
            xgap=0 if wide else 1,
            ygap=3,
            customdata=labels,
            hovertemplate=("%{x}<br>%{customdata}" if labels is not None else "%{x}") + "<extra></extra>",
        )
    )


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


def _rows_framed(figure: go.Figure, palette: Palette, names: Sequence[str], t: Translate) -> go.Figure:
    step = -(-len(names) // 32) or 1
    ticks = list(range(0, len(names), step))
    figure.update_yaxes(range=[len(names) - 0.5, -0.5], tickvals=ticks, ticktext=[names[i] for i in ticks], showgrid=False, zeroline=False)
    figure.update_xaxes(title=t("batch.position"), showgrid=False, zeroline=False)
    return framed(figure, palette, height=int(np.clip(len(names) * 24, 60, 560)) + 120)


# Attention ------------------------------------------------------------------------------------------------------------


def attention_map(seen: npt.NDArray[np.int32], blocked: bool, t: Translate, *, theme: Theme = "light") -> go.Figure:
    """What each token of one packed row sees: its own sample, and, unless attention is blocked, the samples before it (crossed)."""
    palette = PALETTES[theme]
    stride = -(-len(seen) // MOST_CELLS) or 1
    cells = seen[::stride, ::stride]
    if blocked:
        cells = np.where(cells == 2, 0, cells)
    places = np.arange(0, len(seen), stride)
    colours = ["rgba(0,0,0,0)", palette.masked("user"), palette.roles["observation"]]
    texts = np.array([t("batch.attention.none"), t("batch.attention.own"), t("batch.attention.foreign")], object)
    figure = go.Figure(
        go.Heatmap(
            z=cells,
            x=places,
            y=places,
            colorscale=steps(colours),
            zmin=0,
            zmax=2,
            showscale=False,
            customdata=texts[cells] if cells.size <= NAMED_CELLS else None,
            hovertemplate="%{y} → %{x}" + ("<br>%{customdata}" if cells.size <= NAMED_CELLS else "") + "<extra></extra>",
        )
    )
    every = max(len(places) // 26, 1)  # crosses on the foreign part, so that it isn't told by colour alone
    y, x = np.nonzero(cells[::every, ::every] == 2)
    for kind, colour, symbol in ((1, colours[1], "square"), (2, colours[2], "square-x")):
        if (cells == kind).any():
            figure.add_scatter(
                x=[None],
                y=[None],
                mode="markers",
                name=texts[kind],
                marker={"color": colour, "symbol": symbol, "size": 11, "line": {"color": palette.ground, "width": 1}},
            )
    if len(x):
        figure.add_scatter(
            x=x * every * stride,
            y=y * every * stride,
            mode="markers",
            marker={"symbol": "x-thin", "size": 6, "line": {"color": palette.ground, "width": 1.5}},
            showlegend=False,
            hoverinfo="skip",
        )
    figure.update_yaxes(autorange="reversed", title=t("batch.attention.from"), showgrid=False, zeroline=False, constrain="domain")
    figure.update_xaxes(title=t("batch.attention.to"), showgrid=False, zeroline=False, constrain="domain", scaleanchor="y")
    return framed(figure, palette, height=420)


# Weights --------------------------------------------------------------------------------------------------------------

PATTERNS = {"token": "", "sample": "/", "row": "x"}


def weight_bars(weights: Mapping[Mean, Weights], names: Sequence[str], t: Translate, *, theme: Theme = "light") -> go.Figure:
    """Each sample's part of the loss in each mean, as bars side by side."""
    palette, figure = PALETTES[theme], go.Figure()
    colours = {"token": palette.trained, "sample": palette.masked("assistant"), "row": palette.masked("user")}
    for mean, found in weights.items():
        figure.add_bar(
            x=list(names),
            y=found.sample,
            name=t(f"batch.mean.{mean}"),
            marker={
                "color": colours[mean],
                "line": {"color": palette.ink, "width": 0.5},
                "pattern": {"shape": PATTERNS[mean], "fgcolor": palette.ink, "bgcolor": colours[mean], "size": 6, "solidity": 0.15},
            },
            hovertemplate="%{x}: %{y:.1%}<extra>" + t(f"batch.mean.{mean}") + "</extra>",
        )
    figure.update_yaxes(tickformat=".0%", title=t("batch.weight"), rangemode="tozero")
    figure.update_xaxes(type="category")
    figure.update_layout(barmode="group", bargap=0.25)
    return framed(figure, palette, height=330)


# Evaluation pairs -----------------------------------------------------------------------------------------------------

Strip = Literal["input", "leak", "output"]
STRIPS: tuple[Strip, ...] = ("input", "leak", "output")


def eval_strips(
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
    leaks: Sequence[Mask],
    texts: Sequence[Sequence[str]],
    t: Translate,
    *,
    theme: Theme = "light",
) -> go.Figure:
    """A row for each evaluation pair: its input, and behind it what is asked for. Input that already is the answer is crossed.

    texts: how each token is shown, input and output together.
    """
    palette = PALETTES[theme]
    width = max((len(inputs) + len(outputs) for inputs, outputs in pairs), default=1)
    kinds = np.full((len(pairs), width), len(STRIPS), np.uint8)
    labels = np.full(kinds.shape, "", object)
    for row, ((inputs, outputs), leak) in enumerate(zip(pairs, leaks, strict=True)):
        kinds[row, : len(inputs)] = np.where(leak, 1, 0)
        kinds[row, len(inputs) : len(inputs) + len(outputs)] = 2
        names = [t(f"batch.eval.{STRIPS[kind]}") for kind in kinds[row, : len(texts[row])]]
        labels[row, : len(texts[row])] = [f"{text}<br>{name}" for text, name in zip(texts[row], names, strict=True)]
    colours = [palette.masked("user"), palette.roles["observation"], palette.trained, "rgba(0,0,0,0)"]
    figure = _heatmap(kinds, colours, [str(row + 1) for row in range(len(pairs))], labels if kinds.size <= NAMED_CELLS else None)
    y, x = np.nonzero(kinds == 1)
    if len(x) and width <= 400:
        figure.add_scatter(
            x=x,
            y=y,
            mode="markers",
            marker={"symbol": "x-thin", "size": 8, "line": {"color": palette.ground, "width": 2}},
            showlegend=False,
            hoverinfo="skip",
        )
    for i, kind in enumerate(STRIPS):
        if (kinds == i).any():
            symbol, edge = ("square-x", 1) if kind == "leak" else ("square", 0)
            marker = {"color": colours[i], "symbol": symbol, "size": 11, "line": {"color": palette.ground, "width": edge}}
            figure.add_scatter(x=[None], y=[None], mode="markers", name=t(f"batch.eval.{kind}"), marker=marker)
    return _rows_framed(figure, palette, [str(row + 1) for row in range(len(pairs))], t)
