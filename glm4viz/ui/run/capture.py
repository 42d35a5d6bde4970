"""A capture as the page shows it: its sequences, and what is wrong with them."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from glm4viz.conversation import Conversation
from glm4viz.linter import RULES, SEVERITIES, Finding
from glm4viz.linter.findings import Rule
from glm4viz.linter.run import lint
from glm4viz.reading.verdict import Turn, Verdict, verdict
from glm4viz.run.sample import CapturedSample
from glm4viz.systems.captured import CAPTURED

MOST = 256  # sequences that are looked at


class Group(NamedTuple):
    """One rule, the worst of its findings, and the sequences that have one, by number from 0."""

    rule: Rule
    finding: Finding
    sequences: tuple[int, ...]


@dataclass(frozen=True)
class Capture:
    """name: of the file, "" for the example. sequences: conversations with what was fed of each, in the order of the batch, MOST at most."""

    name: str
    sequences: tuple[Conversation, ...]
    total: int

    @cached_property
    def samples(self) -> tuple[CapturedSample, ...]:
        return tuple(sequence.captured for sequence in self.sequences if sequence.captured is not None)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(map(verdict, self.samples))

    @cached_property
    def findings(self) -> tuple[tuple[Finding, ...], ...]:
        """For each sequence what its training does wrong, the worst first."""
        return tuple(tuple(finding for finding in lint(sequence, CAPTURED) if RULES[finding.rule].labelled) for sequence in self.sequences)

    @property
    def groups(self) -> list[Group]:
        """Each rule once, the worst first."""
        by_rule: dict[str, list[tuple[int, Finding]]] = {}
        for number, found in enumerate(self.findings):
            for finding in found:
                by_rule.setdefault(finding.rule, []).append((number, finding))
        groups = [
            Group(RULES[id], min((finding for _, finding in hits), key=_severity), tuple(dict.fromkeys(n for n, _ in hits)))
            for id, hits in by_rule.items()
        ]
        return sorted(groups, key=lambda group: _severity(group.finding))

    @property
    def worst(self) -> int:
        """The sequence that is shown first."""
        return min(range(len(self.samples)), key=lambda n: min(map(_severity, self.findings[n]), default=len(SEVERITIES)))


def _severity(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)


def ends(found: Verdict) -> list[Turn]:
    """The answers after which a stop is due."""
    return [turn for turn in found.turns if turn.state != "empty" and not turn.hands_over]
