"""Tokens as cells of a heatmap: their kinds, colours and names, and a sample laid out in rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from glm4viz.conversation import ALL_ROLES
from glm4viz.figures.base import CLEAR, Translate, add_to_legend, escaped, framed
from glm4viz.figures.palette import Palette
from glm4viz.recipe import LabelledSample

ROLES = ("", *ALL_ROLES)
TRAINED, NOTHING = len(ROLES), len(ROLES) + 1  # kinds of a cell beside the roles, which are those that are masked


def kinds_of(sample: LabelledSample) -> npt.NDArray[np.uint8]:
    """uint8 [T]: TRAINED, or the role as an index of ROLES; a label of weight 0 counts as none."""
    role_codes = np.select([sample.roles == role for role in ROLES], range(len(ROLES)))
    return np.where(sample.weights > 0, TRAINED, role_codes).astype(np.uint8)


def colours_of(palette: Palette) -> list[str]:
    """The colour of each kind: amber if it is trained, else its role's pale colour."""
    return [*(palette.masked(role) for role in ROLES), palette.trained, CLEAR]


def name_kinds(figure: go.Figure, kinds: Iterable[int], palette: Palette, t: Translate) -> None:
    """The legend for these kinds."""
    for kind in kinds:
        name = t("table.trained") if kind == TRAINED else t("heatmap.masked", role=t(f"role.{ROLES[kind]}"))
        add_to_legend(figure, name, colours_of(palette)[kind])


def cell_names(sample: LabelledSample, t: Translate) -> Any:
    """What to say of each token when it is pointed at."""
    roles = {role: t(f"role.{role}") for role in ROLES}
    states = (t("table.masked"), t("table.trained"))
    lines = zip(token_texts(sample), sample.roles.tolist(), sample.trained.tolist(), strict=True)
    names = [f"{i} · {text}<br>{roles[role]} · {states[trained]}" for i, (text, role, trained) in enumerate(lines)]
    if sample.label_weights is not None:
        names = [f"{name} × {weight:g}" if weight else name for name, weight in zip(names, sample.weights.tolist(), strict=True)]
    return np.array(names, object)


def token_texts(sample: LabelledSample) -> list[str]:
    """Each token's text for a hover text, with escapes for what doesn't show."""
    return [escaped(repr(b.decode("utf-8", "backslashreplace"))[1:-1]) for b in sample.token_bytes]


@dataclass(frozen=True)
class Wrapped:
    """A sample in rows of at most `width` tokens. starts: int64 [rows + 1], where each begins and the last ends; names: "" for none."""

    starts: npt.NDArray[np.int64]
    names: list[str]
    width: int

    def grid(self, cells: Any, empty: Any) -> Any:
        """[rows, width]: the cells, one a token, row by row, filled up with `empty`."""
        grid = np.full((len(self.starts) - 1, self.width), empty, cells.dtype)
        position = np.arange(len(cells))
        row = np.searchsorted(self.starts, position, side="right") - 1
        grid[row, position - self.starts[row]] = cells
        return grid

    def framed(self, figure: go.Figure, palette: Palette, *, around: int) -> go.Figure:
        """The figure with the rows' names, as high as they need. around: pixels for what stands around them."""
        named = [row for row, name in enumerate(self.names) if name]
        ticks = named[:: -(-len(named) // 24) or 1]
        texts = [self.names[row] for row in ticks]
        figure.update_yaxes(autorange="reversed", tickvals=ticks, ticktext=texts, showgrid=False, zeroline=False)
        figure.update_xaxes(showgrid=False, zeroline=False)
        return framed(figure, palette, height=int(np.clip(len(self.starts) * 22, 44, 480)) + around)


def wrapped(sample: LabelledSample, by: str) -> Wrapped:
    """The sample in reading order, each row named by its first position; or by "message", of which a long one has several rows."""
    count = len(sample)
    width = next((width for width in (32, 64, 128, 256) if count <= width * width // 2), 512)
    if by != "message":
        starts = np.arange(0, count, width)
        return Wrapped(np.append(starts, count), [str(start) for start in starts], width)
    changes = np.flatnonzero(np.diff(sample.message_index, prepend=-2))
    firsts: list[int] = []
    names: list[str] = []
    for first, last in zip(changes.tolist(), [*changes[1:].tolist(), count], strict=True):
        rows, m = range(first, last, width), int(sample.message_index[first])
        firsts += rows
        names += [f"[{m}]" if m >= 0 else "·", *[""] * (len(rows) - 1)]
    return Wrapped(np.array([*firsts, count], np.int64), names, width)
