"""The way of one conversation: its recipe lays it out, the engine encodes it, and out comes a labelled sample; or a batch of thousands."""
