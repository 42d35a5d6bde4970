"""The page Your run."""
