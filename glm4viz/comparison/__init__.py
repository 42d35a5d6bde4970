"""Several recipes on one conversation: aligned by bytes, and what differs in sentences."""
