"""Samples as rows of a batch: collated, packed, cut, weighed."""
