"""The Plotly figure of the loss along the answers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from glm4viz.figures.base import MOST_POINTS, Translate, framed, thinned
from glm4viz.figures.palette import PALETTES, Palette, Theme

MOST_LINES = 6  # more can't be told apart: then only the mean is named
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
APART = 0.075  # of the height: the least distance of two labels


class Line(NamedTuple):
    """One answer. nll [n]: the loss of its tokens, in nats, nan where unknown; texts [n]: the tokens; ended: the last one ends it."""

    name: str
    nll: npt.NDArray[np.floating]
    texts: Sequence[str]
    ended: bool


class Label(NamedTuple):
    """The end of a line, to be named."""

    x: float
    y: float
    name: str
    colour: str


def loss_along(lines: Sequence[Line], top: float, t: Translate, *, theme: Theme = "light") -> go.Figure:
    """Each answer's loss by the position in it: its tokens as dots, their running mean as a line named at its end; and the mean of all.

    top: nats at which the axis ends; what lies higher stands at the edge as a triangle.
    """
    palette, figure = PALETTES[theme], go.Figure()
    few, longest = len(lines) <= MOST_LINES, max((len(line.nll) for line in lines), default=1)
    labels: list[Label] = []
    for number, line in enumerate(lines):
        colour = _colours(palette)[number % MOST_LINES] if few else palette.masked("")
        if few and sum(len(one.nll) for one in lines) <= MOST_POINTS:
            _tokens(figure, line, top, colour, t)
        look = {"color": colour, "width": 2 if few else 1, "dash": DASHES[number % MOST_LINES] if few else "solid"}
        label = _line(figure, smoothed(line.nll, 5), top, line.name, look)
        labels += [label] if few else []
    mean = mean_along([line.nll for line in lines])
    if len(mean):
        labels.append(_line(figure, smoothed(mean, 3), top, t("loss.along.mean"), {"color": palette.ink, "width": 4}))
    for label, y in _spread([label for label in labels if np.isfinite(label.y)], APART * top, top):
        figure.add_annotation(
            x=label.x,
            y=label.y,
            ax=1.05 * longest,
            ay=y,
            axref="x",
            ayref="y",
            text=f"<b>{label.name}</b>",
            xanchor="left",
            font={"color": label.colour},
            arrowhead=0,
            arrowwidth=1,
            arrowcolor=label.colour,
        )
    figure.update_yaxes(title=t("loss.nats"), range=[-0.03 * top, 1.07 * top], zeroline=False)
    figure.update_xaxes(title=t("loss.along.axis"), range=[-0.02 * longest, 1.25 * longest], zeroline=False)
    return framed(figure, palette, height=360).update_layout(showlegend=False)


def _line(figure: go.Figure, values: npt.NDArray[np.float64], top: float, name: str, look: dict[str, Any]) -> Label:
    """Draws a line; where it ends."""
    at = thinned(len(values))
    figure.add_scatter(x=at, y=np.minimum(values[at], top), mode="lines", name=name, line=look, hoverinfo="skip")
    return Label(float(len(values) - 1), min(float(values[-1]), top), name, str(look["color"]))


def smoothed(values: npt.NDArray[np.floating], parts: int) -> npt.NDArray[np.float64]:
    """The centred running mean over one of so many parts of the values, of at least 5 and at most 201; nan counts nowhere."""
    width = min(max(5, len(values) // parts | 1), 201)
    known = np.isfinite(values)
    kernel = np.ones(width)
    half = width // 2
    sums = np.convolve(np.where(known, values, 0.0), kernel)[half : half + len(values)]
    counts = np.convolve(known.astype(np.float64), kernel)[half : half + len(values)]
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def mean_along(answers: Sequence[npt.NDArray[np.floating]]) -> npt.NDArray[np.float64]:
    """The mean of all answers at each position that at least two of them reach; empty for fewer than two."""
    reach = sorted((len(answer) for answer in answers), reverse=True)
    if len(reach) < 2:
        return np.empty(0)
    grid = np.full((len(answers), reach[1]), np.nan)
    for row, answer in zip(grid, answers, strict=True):
        row[: len(answer)] = answer[: reach[1]]
    known = np.isfinite(grid)
    return np.where(known.any(0), np.where(known, grid, 0.0).sum(0) / np.maximum(known.sum(0), 1), np.nan)


def _colours(palette: Palette) -> list[str]:
    return [
        palette.roles["assistant"],
        palette.roles["user"],
        palette.roles["system"],
        palette.trained,
        palette.roles["tool"],
        palette.other,
    ]


def _tokens(figure: go.Figure, line: Line, top: float, colour: str, t: Translate) -> None:
    """A dot a token, a triangle at the edge for one that lies higher, and a square for the token that ends the answer."""
    last = len(line.nll) - 1
    symbols = [
        "triangle-up" if value > top else "square-open" if line.ended and i == last else "circle" for i, value in enumerate(line.nll)
    ]
    sizes = [5 if symbol == "circle" else 9 for symbol in symbols]
    figure.add_scatter(
        x=np.arange(len(line.nll)),
        y=np.minimum(line.nll, top),
        customdata=list(zip(line.texts, [f"{value:.2f}" for value in line.nll], strict=True)),
        mode="markers",
        marker={
            "color": colour,
            "symbol": symbols,
            "size": sizes,
            "opacity": [0.45 if size == 5 else 1 for size in sizes],
            "line": {"width": 1.5, "color": colour},
        },
        hovertemplate=line.name + " · %{x}<br>%{customdata[0]}<br>%{customdata[1]} " + t("loss.nats") + "<extra></extra>",
    )


def _spread(labels: Sequence[Label], apart: float, top: float) -> list[tuple[Label, float]]:
    """Each label with the height to write it at: those too near each other are moved apart, and all stay below the top."""
    placed: list[tuple[Label, float]] = []
    for label in sorted(labels, key=lambda label: label.y):
        placed.append((label, max(label.y, placed[-1][1] + apart) if placed else label.y))
    over = max(placed[-1][1] - top, 0.0) if placed else 0.0
    return [(label, y - over) for label, y in placed]
