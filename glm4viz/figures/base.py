"""What the figures have in common: the frame, heatmaps in flat colours with their legend, crosses, and curves that aren't too fine."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from glm4viz.figures.palette import Palette

Translate = Callable[..., str]
NAMED_CELLS = 20_000  # beyond, a name for each cell would be most of what is sent to the browser
MOST_POINTS = 1_500  # of a curve; more can't be told apart on a screen
CLEAR = "rgba(0,0,0,0)"


def framed(figure: go.Figure, palette: Palette, *, height: int) -> go.Figure:
    """The figure with the frame that all have; height in pixels."""
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 36, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        font={"color": palette.ink, "size": 13},
        plot_bgcolor=CLEAR,
        paper_bgcolor=CLEAR,
        dragmode=False,
    )


def flat(kinds: npt.NDArray[Any], colours: Sequence[str], **more: Any) -> go.Heatmap:
    """A heatmap of whole numbers, each in its colour. It has no legend of its own: see `add_to_legend`."""
    return go.Heatmap(z=kinds, colorscale=_steps(colours), zmin=0, zmax=len(colours) - 1, showscale=False, **more)


def _steps(colours: Sequence[str]) -> list[list[Any]]:
    """A colour scale without blends: one flat step for each whole number."""
    edges = np.linspace(0, 1, len(colours) + 1)
    return [[float(edge), colour] for i, colour in enumerate(colours) for edge in (edges[i], edges[i + 1])]


def add_to_legend(figure: go.Figure, name: str, colour: str, symbol: str = "square", **marker: Any) -> None:
    """An entry of the legend that stands for no point."""
    figure.add_scatter(x=[None], y=[None], mode="markers", name=name, marker={"color": colour, "symbol": symbol, "size": 11, **marker})


def cross_out(figure: go.Figure, x: npt.NDArray[Any], y: npt.NDArray[Any], palette: Palette, *, size: float, width: float) -> None:
    """Crosses on cells, so that these aren't told by colour alone."""
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"symbol": "x-thin", "size": size, "line": {"color": palette.ground, "width": width}},
        showlegend=False,
        hoverinfo="skip",
    )


def thinned(count: int) -> npt.NDArray[np.int64]:
    """Which of so many points to draw: all, or as many as a screen can show."""
    return np.arange(count) if count <= MOST_POINTS else np.unique(np.linspace(0, count - 1, MOST_POINTS).astype(np.int64))


def escaped(text: str) -> str:
    """Plotly reads a little HTML in hover texts; a token is shown as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def digits(value: float) -> str:
    """The number with three digits, or to a thousandth; a dash for none."""
    if np.isnan(value):
        return "–"
    size = abs(value)
    places = 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0
    return f"{value:.{places}f}" if size < 1000 else f"{float(f'{value:.3g}'):,.0f}"
