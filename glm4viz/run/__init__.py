"""Your own run: what a trainer really fed its model, from one of its batches or from a capture file."""
