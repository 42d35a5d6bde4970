"""Plotly figures of losses by role, message or part: where the loss comes from, and what changed between two models."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from glm4viz.figures.base import Translate, digits, framed
from glm4viz.figures.palette import PALETTES, Palette, Theme

TALLEST = 720  # pixels


class Bar(NamedTuple):
    """One group's bars. tokens and loss: its shares of both; mean: nats a token."""

    name: str
    trained: bool
    tokens: float
    loss: float
    mean: float


class Change(NamedTuple):
    """One group's mean loss under two models, in nats a token."""

    name: str
    before: float
    after: float


def loss_bars(bars: Sequence[Bar], t: Translate, *, theme: Theme = "light") -> go.Figure:
    """For each group its share of the loss, amber and plain if it is trained, else grey and hatched; below, its share of the tokens."""
    palette, figure = PALETTES[theme], go.Figure()
    names = [bar.name if bar.trained else f"{bar.name}<br>{t('loss.share.untrained')}" for bar in bars]
    kinds = (
        ("loss", [bar.trained for bar in bars], palette.trained, ""),
        ("masked", [not bar.trained for bar in bars], palette.masked("user"), "/"),
    )
    for key, held, colour, pattern in kinds:
        if any(held):
            _bars(
                figure,
                [name for name, own in zip(names, held, strict=True) if own],
                [bar.loss for bar, own in zip(bars, held, strict=True) if own],
                [f"{bar.loss:.0%} · {t('loss.mean_short')} {digits(bar.mean)}" for bar, own in zip(bars, held, strict=True) if own],
                t(f"loss.share.{key}"),
                (colour, pattern, "loss"),
                palette,
            )
    counts = [f"{bar.tokens:.0%}" for bar in bars]
    _bars(figure, names, [bar.tokens for bar in bars], counts, t("loss.share.tokens"), (palette.masked(""), ".", "tokens"), palette)
    top = max((max(bar.loss, bar.tokens) for bar in bars), default=1.0)
    figure.update_yaxes(autorange="reversed", type="category", categoryorder="array", categoryarray=names)
    figure.update_xaxes(tickformat=".0%", range=[0, 1.5 * top], nticks=5, title=None)
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.08)
    return framed(figure, palette, height=min(56 * len(bars), TALLEST) + 90)


def _bars(
    figure: go.Figure, names: list[str], parts: list[float], texts: list[str], name: str, look: tuple[str, str, str], palette: Palette
) -> None:
    colour, pattern, group = look
    figure.add_bar(
        y=names,
        x=parts,
        orientation="h",
        name=name,
        offsetgroup=group,
        marker={"color": colour, "pattern": {"shape": pattern, "fgcolor": palette.ink, "bgcolor": colour, "size": 6, "solidity": 0.2}},
        text=texts,
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{text}<extra>" + name + "</extra>",
    )


def change_bars(changes: Sequence[Change], t: Translate, *, theme: Theme = "light") -> go.Figure:
    """For each group how its mean loss changed: to the left, plain, where it fell; to the right, hatched, where it rose."""
    palette, figure = PALETTES[theme], go.Figure()
    differences = [change.after - change.before for change in changes]
    texts = [f"{digits(change.before)} → {digits(change.after)}" for change in changes]
    far = max((abs(d) for d in differences if np.isfinite(d)), default=0.0) or 1.0
    sides = (
        ("cheaper", [d <= 0 for d in differences], palette.roles["user"], ""),
        ("dearer", [d > 0 for d in differences], palette.roles["tool"], "/"),
    )
    for key, held, colour, pattern in sides:
        if any(held):
            _bars(
                figure,
                [change.name for change, own in zip(changes, held, strict=True) if own],
                [d for d, own in zip(differences, held, strict=True) if own],
                [text for text, own in zip(texts, held, strict=True) if own],
                t(f"loss.against.{key}"),
                (colour, pattern, "change"),
                palette,
            )
    figure.update_yaxes(
        autorange="reversed", type="category", categoryorder="array", categoryarray=[change.name for change in changes], ticklabelstandoff=6
    )
    figure.update_xaxes(range=[-1.9 * far, 1.9 * far], nticks=5, title=t("loss.against.axis"), zeroline=True, zerolinecolor=palette.ink)
    figure.update_layout(barmode="overlay", bargap=0.3)
    return framed(figure, palette, height=min(40 * len(changes), TALLEST) + 110)
