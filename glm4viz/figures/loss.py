"""Plotly figures of per-token losses, beside those of the mask."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from glm4viz.figures.base import Translate, framed
from glm4viz.figures.palette import PALETTES, Theme
from glm4viz.figures.tokens import token_texts, wrapped
from glm4viz.recipe import LabelledSample, Mask

SHARE = 98  # percent of the tokens whose colours differ; beyond, a handful of very high losses would leave all others pale
MARKED = 4_096  # tokens; of a longer sample the cells are too small for marks
LEAST = 2.0  # nats: below, noise would take the whole scale
SCALES: dict[Theme, list[str]] = {
    "light": ["#fff7e6", "#f6c667", "#c77700", "#5f2a00"],
    "dark": ["#211c12", "#6b4a10", "#f0b429", "#fff1cc"],
}
DIVERGING: dict[Theme, list[str]] = {"light": ["#0067a3", "#ffffff", "#b14a00"], "dark": ["#6cb8ea", "#1a1a1a", "#f2935c"]}


def colour_top(values: Any) -> float:
    """The loss, in nats, whose colour is the strongest: the 98th percentile of those known, rounded up to a half, and at least 2."""
    known = np.abs(np.asarray(values, np.float64))
    known = known[np.isfinite(known)]
    return max(LEAST, float(np.ceil(2 * np.percentile(known, SHARE)) / 2)) if len(known) else LEAST


def loss_heatmap(
    sample: LabelledSample, values: Any, t: Translate, *, by: str = "position", theme: Theme = "light", difference: bool = False
) -> go.Figure:
    """One cell a token, coloured by its loss in nats, 0 … `colour_top` (a difference: to both sides); masked tokens have a dot, and losses that rose
    by more than 1 nat a triangle.

    Colours follow the root of a loss, as in the token view: a loss is equally strong in both.
    """
    top = colour_top(values)
    rows = wrapped(sample, by)
    cells = rows.grid(np.asarray(values, np.float32), np.float32(np.nan))
    figure = go.Figure(
        go.Heatmap(
            z=np.round(cells, 3),
            customdata=rows.grid(np.array(token_texts(sample), object), ""),
            colorscale=DIVERGING[theme] if difference else _by_root(SCALES[theme]),
            zmin=-top if difference else 0,
            zmax=top,
            xgap=1 if rows.width <= 128 else 0,
            ygap=1 if len(rows.starts) <= 400 else 0,
            hoverongaps=False,
            hovertemplate="%{customdata}<br>%{z:.2f} " + t("loss.nats") + "<extra></extra>",
            colorbar={"title": {"text": t("loss.nats")}, "thickness": 12},
        )
    )
    if len(sample) <= MARKED:
        _mark(figure, rows.grid(~sample.trained, False), t("table.masked"), "circle", 3, PALETTES[theme].roles[""])
        if difference:
            _mark(figure, np.nan_to_num(cells) > 1, t("loss.against.heatmap.dearer"), "triangle-up", 6, PALETTES[theme].ink)
    return rows.framed(figure, PALETTES[theme], around=100)


def _mark(figure: go.Figure, cells: Mask, name: str, symbol: str, size: int, colour: str) -> None:
    row, column = np.nonzero(cells)
    marker = {"size": size, "color": colour, "symbol": symbol}
    figure.add_scatter(x=column, y=row, mode="markers", name=name, hoverinfo="skip", marker=marker)


def _by_root(colours: list[str]) -> list[tuple[float, str]]:
    """A colour scale that spreads the small values, where most tokens are."""
    last = len(colours) - 1
    return [((step / last) ** 2, colour) for step, colour in enumerate(colours)]


def stop_bars(rows: list[tuple[str, str, float]], theme: Theme = "light") -> go.Figure:
    """For each answer, the probability that the model stops at its end: one bar a model. rows: (answer, model, probability)."""
    palette, figure = PALETTES[theme], go.Figure()
    models = list(dict.fromkeys(model for _, model, _ in rows))
    for number, model in enumerate(models):
        own = [(answer, chance) for answer, name, chance in rows if name == model]
        figure.add_bar(
            y=[answer for answer, _ in own],
            x=[chance for _, chance in own],
            orientation="h",
            name=model,
            marker={"color": palette.trained if number == 0 else palette.roles["user"], "pattern": {"shape": "" if number == 0 else "/"}},
            text=[f"{chance:.1%}" for _, chance in own],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(tickformat=".0%", range=[0, 1.2], tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_layout(barmode="group")
    return framed(figure, palette, height=min(60 + 54 * len({answer for answer, *_ in rows}), 640) + 60)
