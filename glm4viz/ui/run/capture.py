"""A capture as the page shows it: its sequences, and what is wrong with them."""

from dataclasses import dataclass
from functools import cached_property

from glm4viz.conversation import Conversation
from glm4viz.linter.batch import BatchFinding, lint_batch
from glm4viz.reading.verdict import Turn, Verdict, verdict
from glm4viz.run.sample import CapturedSample

MOST = 256  # sequences that are looked at


@dataclass(frozen=True)
class Capture:
    """name: of the file, "" for the example. sequences: conversations with what was fed of each, in the order of the batch; total: how many
    the file has, of which MOST are looked at.
    """

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
    def findings(self) -> list[BatchFinding]:
        """Each rule once, the worst first: what the callback says of the batch."""
        return lint_batch(self.samples)

    def findings_of(self, number: int) -> list[BatchFinding]:
        """Those that are about this sequence."""
        return [finding for finding in self.findings if number in finding.sequences]

    @property
    def worst(self) -> int:
        """The sequence that is shown first."""
        return self.findings[0].sequences[0] if self.findings else 0


def ends(found: Verdict) -> list[Turn]:
    """The answers after which a stop is due."""
    return [turn for turn in found.turns if turn.state != "empty" and not turn.hands_over]
