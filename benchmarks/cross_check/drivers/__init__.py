"""One script a peer, run by that peer's own Python, where glm4viz isn't installed: they import nothing of this project but `serving`."""
