"""Plotly figures of a whole dataset: how long its samples are, and how much of each is trained."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from glm4viz.figures.base import Translate, framed
from glm4viz.figures.palette import PALETTES, Palette, Theme
from glm4viz.recipe import Mask

BINS = 40
TAIL = 4  # a longest sample that is so many times longer than 99 of 100 would leave no room for these
Counts = npt.NDArray[np.integer]


def length_histogram(full: Counts, cut: Mask, limit: int | None, t: Translate, *, theme: Theme = "light") -> go.Figure:
    """How many samples have how many tokens before any cut; those that lose some are hatched. A line stands at `limit`."""
    palette, figure = PALETTES[theme], go.Figure()
    top = length_top(full)
    edges = np.linspace(0, top, BINS + 1)
    names = [f"{a:,.0f} – {b:,.0f}" for a, b in pairwise(edges)]
    if full.max(initial=0) > top:
        names[-1] = f"≥ {edges[-2]:,.0f}"
    for key, mask, colour, pattern in (("fits", ~cut, palette.masked("user"), ""), ("cut", cut, palette.roles["observation"], "/")):
        counts, _ = np.histogram(np.minimum(full[mask], top), edges)
        if counts.any():
            _bars(figure, edges, counts, names, t(f"dataset.length.{key}"), colour, pattern, palette)
    if limit is not None and limit <= top:
        figure.add_vline(x=limit, line={"color": palette.ink, "width": 2, "dash": "dash"})
        note = {"showarrow": False, "font": {"color": palette.ink}, "bgcolor": palette.ground}
        figure.add_annotation(x=limit, y=1, yref="paper", yanchor="top", text=f"<b>max_length {limit:,}</b>", **note)
    figure.update_xaxes(title=t("dataset.tokens"), range=[0, top], tickformat=",d")
    return _framed(figure, palette, t)


def length_top(full: Counts) -> int:
    """Where the axis ends: at the longest, or sooner if that is far out; the last bar then has all that are longer."""
    longest, most = int(full.max(initial=1)), float(np.percentile(full, 99)) if len(full) else 1.0
    top = longest if longest <= TAIL * most else int(1.5 * most)
    return max(-(-top // BINS) * BINS, BINS)


def share_histogram(shares: npt.NDArray[np.floating], t: Translate, *, theme: Theme = "light") -> go.Figure:
    """How many samples have which part of their tokens trained; those without any are hatched."""
    palette, figure, edges = PALETTES[theme], go.Figure(), np.linspace(0, 1, 21)
    names = [f"{a:.0%} – {b:.0%}" for a, b in pairwise(edges)]
    for key, mask, colour, pattern in (
        ("some", shares > 0, palette.trained, ""),
        ("none", shares == 0, palette.roles["observation"], "/"),
    ):
        counts, _ = np.histogram(shares[mask], edges)
        if counts.any():
            _bars(figure, edges, counts, names, t(f"dataset.share.{key}"), colour, pattern, palette)
    figure.update_xaxes(title=t("dataset.share.axis"), range=[0, 1], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1])
    return _framed(figure, palette, t)


def _bars(
    figure: go.Figure,
    edges: npt.NDArray[np.floating],
    counts: Counts,
    names: list[str],
    name: str,
    colour: str,
    pattern: str,
    palette: Palette,
) -> None:
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=np.diff(edges),
        name=name,
        customdata=names,
        marker={
            "color": colour,
            "line": {"color": palette.ground, "width": 1},
            "pattern": {"shape": pattern, "fgcolor": palette.ground, "bgcolor": colour, "size": 6, "solidity": 0.25},
        },
        hovertemplate="%{customdata}: %{y:,d}",
    )


def _framed(figure: go.Figure, palette: Palette, t: Translate) -> go.Figure:
    most = np.sum([bars.y for bars in figure.data], axis=0).max(initial=1)
    figure.update_yaxes(title=t("dataset.records"), tickformat=",d", rangemode="tozero", dtick=1 if most <= 5 else None)
    figure.update_layout(barmode="stack", bargap=0, showlegend=True)
    return framed(figure, palette, height=320)
