"""Whole files checked: chunks → examine (one piece, perhaps in a process of its own) → run (in order, duplicates, counts) → page."""

from glm4viz.check.examine import Checked, Place, Settings
from glm4viz.check.run import Progress, Summary, check_files, summarise

__all__ = ["Checked", "Place", "Progress", "Settings", "Summary", "check_files", "summarise"]
