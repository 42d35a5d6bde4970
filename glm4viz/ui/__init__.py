"""Streamlit widgets. Nothing outside this package imports Streamlit."""
