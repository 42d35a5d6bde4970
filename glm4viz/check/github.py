"""The result of a check for GitHub Actions: annotations, which are commands to the runner, and a summary of the step in Markdown.

The runner shows ten annotations of a kind for each step; what is beyond is counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from glm4viz.check.page import ignored_line, verdict_line, word
from glm4viz.check.places import from_root, repository_root
from glm4viz.check.run import Progress
from glm4viz.check.sarif import as_markdown
from glm4viz.check.summary import Summary
from glm4viz.linter import RULES, SEVERITIES, Severity
from glm4viz.texts import Text, both, fill, printable

MOST = 10  # annotations of a kind that a step shows
_KINDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}
_REST = both(
    "{rest:,} more findings have no annotation: GitHub shows {most} of a kind for each step.",
    "另有 {rest:,} 个问题没有标注：GitHub 每个步骤每种只显示 {most} 个。",
)
_HEADING: Text = both("glm4viz check", "glm4viz 检查")


@dataclass(slots=True)
class Annotations:
    """The first findings of each severity as the runner's commands, collected on the way. root: what paths are relative to."""

    language: str
    root: Path = field(default_factory=lambda: repository_root(Path.cwd()))
    _lines: dict[Severity, list[str]] = field(default_factory=lambda: {severity: [] for severity in SEVERITIES})
    _rest: int = 0

    def add(self, piece: Progress) -> None:
        for checked in piece.checked:
            for finding in checked.findings:
                lines = self._lines[finding.severity]
                if len(lines) == MOST:
                    self._rest += 1
                    continue
                place = checked.place
                line = {"line": str(place.line)} if place.line else {}
                title = f"{'' if place.line or place.record < 0 else f'#{place.record} '}{finding.rule} · {RULES[finding.rule].title[self.language]}"
                properties = {"file": from_root(place.file, self.root), **line, "title": title}
                message = "" if finding.message_index is None else f"messages[{finding.message_index}]: "
                lines.append(_command(_KINDS[finding.severity], properties, message + finding.sentence(self.language)))

    def text(self) -> str:
        """All of it, the gravest first, a line each; what is left out is one line that is no command."""
        lines = [line for severity in SEVERITIES for line in self._lines[severity]]
        if self._rest:
            lines.append(fill(_REST, rest=self._rest, most=MOST)[self.language])
        return "".join(f"{line}\n" for line in lines)


def step_summary(summary: Summary, recipe: str, about: str, language: str) -> str:
    """Counts by rule as Markdown. about: what was checked and how, in a line."""
    return "\n".join([*_summary(summary, recipe, about, language), ""])


# ---------------------------------------------------------------------------------------------------------------------


def _command(kind: str, properties: dict[str, str], message: str) -> str:
    """`::kind name=value,…::message` with what would end any of it escaped (actions/toolkit, packages/core/src/command.ts)."""
    said = ",".join(f"{name}={_escaped(printable(value), ':,')}" for name, value in properties.items())
    return f"::{kind} {said}::{_escaped(message)}"


def _escaped(text: str, also: str = "") -> str:
    for char in "%\r\n" + also:  # % first
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def _summary(summary: Summary, recipe: str, about: str, language: str) -> Iterator[str]:
    yield f"### {_HEADING[language]}"
    yield from ("", as_markdown(printable(about)), "", word("records", language, count=summary.records, bad=summary.bad_records), "")
    if ignored := ignored_line(summary, language):
        yield from (as_markdown(ignored), "")
    if not summary.counts():
        yield verdict_line(summary, recipe, language)
        return
    yield f"| {word('severity', language)} | {word('rule', language)} | {word('count', language)} | |"
    yield "|---|---|---:|---|"
    for id, count in summary.counts():
        yield f"| {word(summary.gravest[id], language)} | `{id}` | {count:,} | {as_markdown(RULES[id].title[language])} |"
