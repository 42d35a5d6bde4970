"""The Plotly figure of evaluation pairs."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from glm4viz.figures.base import CLEAR, NAMED_CELLS, Translate, add_to_legend, cross_out
from glm4viz.figures.palette import PALETTES, Theme
from glm4viz.figures.rows import bands, framed_rows
from glm4viz.recipe import Mask

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
    colours = [palette.masked("user"), palette.roles["observation"], palette.trained, CLEAR]
    figure = bands(kinds, colours, labels if kinds.size <= NAMED_CELLS else None)
    y, x = np.nonzero(kinds == 1)
    if len(x) and width <= 400:
        cross_out(figure, x, y, palette, size=8, width=2)
    for i, kind in enumerate(STRIPS):
        if (kinds == i).any():
            symbol, edge = ("square-x", 1) if kind == "leak" else ("square", 0)
            add_to_legend(figure, t(f"batch.eval.{kind}"), colours[i], symbol, line={"color": palette.ground, "width": edge})
    return framed_rows(figure, palette, [str(row + 1) for row in range(len(pairs))], t)
