"""The linter: what ruins a fine-tune, found before it runs.

Its rules are small predicates, one theme a file; `registry` has them all, `run` applies them.
"""

from glm4viz.linter.findings import SEVERITIES, Finding, Rule, Severity
from glm4viz.linter.registry import GROUPS, RULES
from glm4viz.linter.run import lint

__all__ = ["GROUPS", "RULES", "SEVERITIES", "Finding", "Rule", "Severity", "lint"]
