"""Plotly figures of a labelled sample. They read its columns and never make a mask of their own."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from glm4viz.conversation import ALL_ROLES
from glm4viz.figures.palette import PALETTES, Palette, Theme
from glm4viz.reading.verdict import Share
from glm4viz.recipe import LabelledSample

Translate = Callable[..., str]
ROLES = ("", *ALL_ROLES)
NAMED_CELLS = 20_000  # beyond, a name for each cell would be most of what is sent to the browser
TRAINED, NOTHING = len(ROLES), len(ROLES) + 1


def mask_heatmap(sample: LabelledSample, t: Translate, *, by: str = "position", theme: Theme = "light") -> go.Figure:
    """One cell a token, amber if it is trained, else its role's pale colour. Rows: reading order wrapped, or "message" by message."""
    palette, count = PALETTES[theme], len(sample)
    width = row_width(count)
    starts, row_names = rows_by_message(sample, width) if by == "message" else rows_wrapped(count, width)
    role_codes = np.select([sample.roles == role for role in ROLES], range(len(ROLES)))
    kinds = np.where(sample.trained, TRAINED, role_codes).astype(np.uint8)
    colours = [*(palette.masked(role) for role in ROLES), palette.trained, "rgba(0,0,0,0)"]
    names = grid(cell_names(sample, t), starts, width, "") if count <= NAMED_CELLS else None
    figure = go.Figure(
        go.Heatmap(
            z=grid(kinds, starts, width, NOTHING),
            colorscale=steps(colours),
            zmin=0,
            zmax=NOTHING,
            showscale=False,
            xgap=1 if width <= 128 else 0,
            ygap=1 if width <= 128 else 0,  # without gaps the browser draws one image instead of a shape a cell
            customdata=names,
            hovertemplate=("%{customdata}" if names is not None else "%{y} + %{x}") + "<extra></extra>",
            hoverongaps=False,
        )
    )
    present = [i for i in range(TRAINED + 1) if (kinds == i).any()]
    for i in present:  # a heatmap has no legend of its own
        name = t("table.trained") if i == TRAINED else t("heatmap.masked", role=t(f"role.{ROLES[i]}"))
        figure.add_scatter(x=[None], y=[None], mode="markers", name=name, marker={"color": colours[i], "symbol": "square", "size": 11})
    named = [row for row, name in enumerate(row_names) if name]
    ticks = named[:: -(-len(named) // 24) or 1]
    figure.update_yaxes(autorange="reversed", tickvals=ticks, ticktext=[row_names[row] for row in ticks], showgrid=False, zeroline=False)
    figure.update_xaxes(showgrid=False, zeroline=False)
    return framed(figure, palette, height=int(np.clip(len(starts) * 22, 44, 480)) + 90)


Starts = npt.NDArray[np.int64]


def rows_wrapped(count: int, width: int) -> tuple[Starts, list[str]]:
    """Where each row begins, and its name: the position of its first token."""
    starts = np.arange(0, count, width)
    return np.append(starts, count), [str(start) for start in starts]


def rows_by_message(sample: LabelledSample, width: int) -> tuple[Starts, list[str]]:
    """A row for each message, or several for a long one; only its first is named."""
    changes = np.flatnonzero(np.diff(sample.message_index, prepend=-2))
    starts: list[int] = []
    names: list[str] = []
    for first, last in zip(changes.tolist(), [*changes[1:].tolist(), len(sample)], strict=True):
        rows, m = range(first, last, width), int(sample.message_index[first])
        starts += rows
        names += [f"[{m}]" if m >= 0 else "·", *[""] * (len(rows) - 1)]
    return np.array([*starts, len(sample)], np.int64), names


def grid(cells: Any, starts: Starts, width: int, empty: Any) -> Any:
    """The cells row by row, [rows, width], filled up with `empty`."""
    grid = np.full((len(starts) - 1, width), empty, cells.dtype)
    position = np.arange(len(cells))
    row = np.searchsorted(starts, position, side="right") - 1
    grid[row, position - starts[row]] = cells
    return grid


def row_width(count: int) -> int:
    return next((width for width in (32, 64, 128, 256) if count <= width * width // 2), 512)


def cell_names(sample: LabelledSample, t: Translate) -> Any:
    texts = [repr(b.decode("utf-8", "backslashreplace"))[1:-1] for b in sample.token_bytes]
    roles = {role: t(f"role.{role}") for role in ROLES}
    states = (t("table.masked"), t("table.trained"))
    lines = zip(texts, sample.roles.tolist(), sample.trained.tolist(), strict=True)
    return np.array(
        [f"{i} · {_escape(text)}<br>{roles[role]} · {states[trained]}" for i, (text, role, trained) in enumerate(lines)], object
    )


def _escape(text: str) -> str:
    """Plotly reads a little HTML in hover texts; a token is shown as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def steps(colours: Sequence[str]) -> list[list[Any]]:
    """A colour scale without blends: one flat step for each whole number."""
    edges = np.linspace(0, 1, len(colours) + 1)
    return [[float(edge), colour] for i, colour in enumerate(colours) for edge in (edges[i], edges[i + 1])]


def loss_share(shares: Sequence[Share], t: Translate, *, by: str, theme: Theme = "light") -> go.Figure:
    """Bars, by "role" or by "message": the share of the loss beside the share of all tokens."""
    palette = PALETTES[theme]
    rows = _by_role(shares) if by == "role" else _by_message(shares)
    tokens, trained = np.array([[row.tokens, row.trained] for row in rows]).T
    names = [
        t(f"role.{row.role}") if by == "role" or row.message < 0 else t("share.message", message=row.message, role=t(f"role.{row.role}"))
        for row in rows
    ]
    figure = go.Figure()
    for key, counts, colour, pattern in (("loss", trained, palette.trained, ""), ("tokens", tokens, palette.masked(""), "/")):
        parts = counts / max(counts.sum(), 1)
        figure.add_bar(
            y=names,
            x=parts,
            orientation="h",
            name=t(f"share.{key}"),
            marker={"color": colour, "pattern": {"shape": pattern, "fgcolor": palette.roles[""], "size": 6, "solidity": 0.2}},
            text=[f"{part:.0%} ({n})" for part, n in zip(parts, counts, strict=True)],
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
        Share(-1, role, sum(s.tokens for s in group), sum(s.trained for s in group))
        for role, group in groups
        if any(s.tokens for s in group)
    ]


MOST_BARS = 24


def _by_message(shares: Sequence[Share]) -> list[Share]:
    """Every message while they fit; else those that carry most of the loss, in order."""
    present = [s for s in shares if s.tokens or s.trained]
    kept = sorted(present, key=lambda s: -s.trained)[:MOST_BARS]
    return [s for s in present if s in kept]


def framed(figure: go.Figure, palette: Palette, *, height: int) -> go.Figure:
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 36, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        font={"color": palette.ink, "size": 13},
        plot_bgcolor="rgba(0,0,0,0)",
        paper_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
    )
