"""Recipes held against the peers' own packages, on generated conversations. `python -m benchmarks.cross_check --help`."""
