"""The Plotly figure of what each sample weighs in the loss."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from glm4viz.figures.base import Translate, framed
from glm4viz.figures.palette import PALETTES, Theme
from glm4viz.rows.weights import Mean, Weights

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
