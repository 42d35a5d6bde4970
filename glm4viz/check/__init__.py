"""Whole files checked: chunks → examine (one piece, perhaps in a process of its own) → run (in order, duplicates) →
summary (counts, what is a fact of the whole file) → page."""

from glm4viz.check.examine import Checked, Place, Settings
from glm4viz.check.run import Progress, check_files
from glm4viz.check.summary import Summary, summarise

__all__ = ["Checked", "Place", "Progress", "Settings", "Summary", "check_files", "summarise"]
