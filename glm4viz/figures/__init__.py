"""Plotly figures, and the palette that pages, views and figures share."""
