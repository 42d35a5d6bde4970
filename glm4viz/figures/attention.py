"""The Plotly figure of who sees whom in a packed row."""

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from glm4viz.figures.base import CLEAR, NAMED_CELLS, Translate, add_to_legend, cross_out, flat, framed
from glm4viz.figures.palette import PALETTES, Theme

MOST_CELLS = 220  # along each side


def attention_map(seen: npt.NDArray[np.int32], blocked: bool, t: Translate, *, theme: Theme = "light") -> go.Figure:
    """What each token of one packed row sees: its own sample, and, unless attention is blocked, the samples before it (crossed)."""
    palette = PALETTES[theme]
    stride = -(-len(seen) // MOST_CELLS) or 1
    cells = seen[::stride, ::stride]
    if blocked:
        cells = np.where(cells == 2, 0, cells)
    places = np.arange(0, len(seen), stride)
    colours = [CLEAR, palette.masked("user"), palette.roles["observation"]]
    texts = np.array([t("batch.attention.none"), t("batch.attention.own"), t("batch.attention.foreign")], object)
    figure = go.Figure(
        flat(
            cells,
            colours,
            x=places,
            y=places,
            customdata=texts[cells] if cells.size <= NAMED_CELLS else None,
            hovertemplate="%{y} → %{x}" + ("<br>%{customdata}" if cells.size <= NAMED_CELLS else "") + "<extra></extra>",
        )
    )
    every = max(len(places) // 26, 1)  # crosses on the foreign part
    y, x = np.nonzero(cells[::every, ::every] == 2)
    for kind, colour, symbol in ((1, colours[1], "square"), (2, colours[2], "square-x")):
        if (cells == kind).any():
            add_to_legend(figure, texts[kind], colour, symbol, line={"color": palette.ground, "width": 1})
    if len(x):
        cross_out(figure, x * every * stride, y * every * stride, palette, size=6, width=1.5)
    figure.update_yaxes(autorange="reversed", title=t("batch.attention.from"), showgrid=False, zeroline=False, constrain="domain")
    figure.update_xaxes(title=t("batch.attention.to"), showgrid=False, zeroline=False, constrain="domain", scaleanchor="y")
    return framed(figure, palette, height=420)
