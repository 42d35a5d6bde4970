"""Streamlit widgets. Nothing outside this package imports Streamlit."""

from pathlib import Path

# A file of our own: the browser would fetch a named icon from the network.
ICON = str(Path(__file__).with_name("icon.png"))
