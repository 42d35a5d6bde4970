"""Training configs of the frameworks, read for the recipe and the limits that they amount to."""
