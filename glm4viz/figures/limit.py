"""The Plotly figure of what a length limit keeps."""

import plotly.graph_objects as go

from glm4viz.figures.base import Translate, framed, thinned
from glm4viz.figures.palette import PALETTES, Theme
from glm4viz.rows.truncation import Curve


def kept_curve(curve: Curve, max_length: int, t: Translate, *, theme: Theme = "light") -> go.Figure:
    """For every limit, which part of answers, stop tokens, samples and trained tokens is kept; a line stands at `max_length`."""
    palette, figure = PALETTES[theme], go.Figure()
    at = thinned(len(curve.lengths))
    lines = (
        ("tokens", curve.tokens, palette.trained, "solid"),
        ("samples", curve.samples, palette.ink, "dot"),
        ("answers", curve.answers, palette.roles["assistant"], "dash"),
        ("stops", curve.stops, palette.roles["user"], "longdashdot"),
    )
    for name, counts, colour, dash in lines:
        total = int(counts[-1])
        figure.add_scatter(
            x=curve.lengths[at],
            y=counts[at] / max(total, 1),
            customdata=counts[at],
            name=t(f"batch.kept.{name}"),
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2.5, "shape": "hv"},
            hovertemplate=f"%{{customdata}} / {total}",
        )
    figure.add_vline(x=max_length, line={"color": palette.ink, "width": 2})
    figure.add_annotation(
        x=max_length,
        y=1.0,
        yshift=12,
        text=f"<b>{max_length}</b>",
        showarrow=False,
        font={"color": palette.ink},
        bgcolor=palette.ground,
    )
    figure.update_yaxes(tickformat=".0%", range=[-0.02, 1.12], tickvals=[0, 0.25, 0.5, 0.75, 1], title=None)
    figure.update_xaxes(title=t("batch.limit"), rangemode="tozero")
    figure.update_layout(hovermode="x unified", hoverlabel={"bgcolor": palette.ground, "font": {"color": palette.ink}})
    framed(figure, palette, height=330)
    return figure.update_layout(legend_y=1.06)
