"""Plotly figures of a labelled sample. They read its columns and never make a mask of their own."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from glm4viz.conversation import ALL_ROLES
from glm4viz.figures.base import NAMED_CELLS, Translate, flat, framed
from glm4viz.figures.palette import PALETTES, Theme
from glm4viz.figures.tokens import NOTHING, TRAINED, cell_names, colours_of, kinds_of, name_kinds, wrapped
from glm4viz.reading.verdict import Share
from glm4viz.recipe import LabelledSample


def mask_heatmap(sample: LabelledSample, t: Translate, *, by: str = "position", theme: Theme = "light") -> go.Figure:
    """One cell a token, amber if it is trained, else its role's pale colour. Rows: reading order wrapped, or "message" by message."""
    palette, rows, kinds = PALETTES[theme], wrapped(sample, by), kinds_of(sample)
    names = rows.grid(cell_names(sample, t), "") if len(sample) <= NAMED_CELLS else None
    gap = 1 if rows.width <= 128 else 0  # without gaps the browser draws one image instead of a shape a cell
    figure = go.Figure(
        flat(
            rows.grid(kinds, NOTHING),
            colours_of(palette),
            xgap=gap,
            ygap=gap,
            customdata=names,
            hovertemplate=("%{customdata}" if names is not None else "%{y} + %{x}") + "<extra></extra>",
            hoverongaps=False,
        )
    )
    name_kinds(figure, [kind for kind in range(TRAINED + 1) if (kinds == kind).any()], palette, t)
    return rows.framed(figure, palette, around=90)


def loss_share(shares: Sequence[Share], t: Translate, *, by: str, theme: Theme = "light") -> go.Figure:
    """Bars, by "role" or by "message": the share of the loss beside the share of all tokens."""
    palette = PALETTES[theme]
    rows = _by_role(shares) if by == "role" else _by_message(shares)
    tokens, trained, weights = np.array([[row.tokens, row.trained, row.weight] for row in rows]).T
    names = [
        t(f"role.{row.role}") if by == "role" or row.message < 0 else t("share.message", message=row.message, role=t(f"role.{row.role}"))
        for row in rows
    ]
    figure = go.Figure()
    bars = (("loss", trained, weights, palette.trained, ""), ("tokens", tokens, tokens, palette.masked(""), "/"))
    for key, counts, amounts, colour, pattern in bars:
        parts = amounts / (amounts.sum() or 1)
        figure.add_bar(
            y=names,
            x=parts,
            orientation="h",
            name=t(f"share.{key}"),
            marker={"color": colour, "pattern": {"shape": pattern, "fgcolor": palette.roles[""], "size": 6, "solidity": 0.2}},
            text=[f"{part:.0%} ({n:.0f})" for part, n in zip(parts, counts, strict=True)],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    figure.update_yaxes(autorange="reversed", title=None, type="category")
    figure.update_xaxes(tickformat=".0%", range=[0, 1.25], tickvals=[0, 0.25, 0.5, 0.75, 1], title=None)
    figure.update_layout(barmode="group", bargap=0.25)
    return framed(figure, palette, height=min(60 + 48 * len(rows), 640) + 60)


def _by_role(shares: Sequence[Share]) -> list[Share]:
    groups = [(role, [s for s in shares if s.role == role]) for role in (*ALL_ROLES, "")]
    return [
        Share(-1, role, sum(s.tokens for s in group), sum(s.trained for s in group), sum(s.weight for s in group))
        for role, group in groups
        if any(s.tokens for s in group)
    ]


MOST_BARS = 24


def _by_message(shares: Sequence[Share]) -> list[Share]:
    """Every message while they fit; else those that carry most of the loss, in order."""
    present = [s for s in shares if s.tokens or s.trained]
    kept = sorted(present, key=lambda s: -s.trained)[:MOST_BARS]
    return [s for s in present if s in kept]
