"""The result of a check as SARIF 2.1.0 (OASIS), within what GitHub's code scanning takes: 25,000 results and 10 MB in one file.

Fingerprints have a name of their own: the action that uploads the file adds GitHub's (`primaryLocationLineHash`) and warns of any other.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from glm4viz.check.examine import Checked
from glm4viz.check.places import repository_root, uri
from glm4viz.check.run import Progress
from glm4viz.linter import RULES, SEVERITIES, Finding, Severity
from glm4viz.linter.findings import Rule
from glm4viz.texts import Text, both, fill

MOST_RESULTS, MOST_BYTES = 25_000, 10_000_000
LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_FINGERPRINT = "glm4viz/v1"
_LEFT_OUT = both(
    "{left:,} of {all:,} findings are left out, the least grave first: a file may have {most:,} results and {bytes:,} bytes. "
    "`glm4viz check --json` lists all.",
    "共 {all:,} 个问题，其中 {left:,} 个未写入（从级别最低的开始）：一个文件最多 {most:,} 条结果、{bytes:,} 字节。`glm4viz check --json` 会列出全部。",
)
_RECORD = both("record {number}: ", "第 {number} 条记录：")


@dataclass(slots=True)
class SarifLog:
    """The findings of a check, collected on the way: of each severity no more than a file may have in all.

    command: what was run, in a line; root: what paths are relative to.
    """

    command: str
    language: str
    root: Path = field(default_factory=lambda: repository_root(Path.cwd()))
    count: int = 0
    _results: dict[Severity, list[bytes]] = field(default_factory=lambda: {severity: [] for severity in SEVERITIES})
    _prints: Counter[str] = field(default_factory=Counter)

    def add(self, piece: Progress) -> None:
        for checked in piece.checked:
            for finding in checked.findings:
                self.count += 1
                kept = self._results[finding.severity]
                if len(kept) < MOST_RESULTS:
                    kept.append(_as_bytes(self._result(checked, finding)))

    def dump(self) -> bytes:
        """The file."""
        results = [result for severity in SEVERITIES for result in self._results[severity]][:MOST_RESULTS]
        room = MOST_BYTES - len(self._whole([], self.count))
        kept = 0
        while kept < len(results) and room >= len(results[kept]) + 2:
            room -= len(results[kept]) + 2
            kept += 1
        return self._whole(results[:kept], self.count - kept)

    def _whole(self, results: list[bytes], left: int) -> bytes:
        said = fill(_LEFT_OUT, left=left, all=self.count, most=MOST_RESULTS, bytes=MOST_BYTES)[self.language]
        notes = [{"level": "warning", "message": {"text": said}}] if left else []
        driver = {
            "name": "glm4viz",
            **_version(),
            "rules": [_rule(rule, self.language) for rule in RULES.values()],
        }
        run = {
            "tool": {"driver": driver},
            "invocations": [{"executionSuccessful": True, "commandLine": self.command, "toolExecutionNotifications": notes}],
            "columnKind": "unicodeCodePoints",
            "language": "zh-CN" if self.language == "zh" else "en",
        }
        head = _as_bytes({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})
        return head.removesuffix(b"}]}") + b',"results":[\n' + b",\n".join(results) + b"\n]}]}\n"

    def _result(self, checked: Checked, finding: Finding) -> dict[str, Any]:
        place, number = checked.place, finding.message_index
        physical: dict[str, Any] = {"artifactLocation": {"uri": uri(place.file, self.root), "uriBaseId": "%SRCROOT%"}}
        before = "" if place.line or place.record < 0 else fill(_RECORD, number=place.record)[self.language]
        physical["region"] = {"startLine": place.line or 1}  # GitHub shows no result without a line
        location: dict[str, Any] = {"physicalLocation": physical}
        if number is not None:
            location["logicalLocations"] = [{"fullyQualifiedName": f"messages[{number}]"}]
        return {
            "ruleId": finding.rule,
            "ruleIndex": _INDEX[finding.rule],
            "level": LEVELS[finding.severity],
            "message": {"text": before + RULES[finding.rule].in_short(finding, self.language)},
            "locations": [location],
            "partialFingerprints": {_FINGERPRINT: self._fingerprint(checked, finding)},
        }

    def _fingerprint(self, checked: Checked, finding: Finding) -> str:
        """The same wherever in its file the record stands; what is found in it again is numbered. A bad record has its sentence for one."""
        what = checked.fingerprint or finding.text
        name = sha256(f"{checked.place.file}\n{finding.rule}\n{finding.message_index}\n{what}".encode("utf-8", "backslashreplace"))
        short = name.hexdigest()[:16]
        self._prints[short] += 1
        return f"{short}:{self._prints[short]}"


def _version() -> dict[str, str]:
    """Of the installed package; a checkout that isn't installed has none to tell."""
    try:
        return {"semanticVersion": version("glm4viz")}
    except PackageNotFoundError:
        return {}


_INDEX = {id: index for index, id in enumerate(RULES)}


def _rule(rule: Rule, language: str) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title[language]},
        "fullDescription": {"text": rule.harm[language]},
        "help": {"text": rule.explanation(language), "markdown": "".join(_help(rule, language))},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"tags": ["dataset"], "precision": "medium" if rule.severity == "info" else "high"},
    }


def _help(rule: Rule, language: str) -> Iterator[str]:
    yield from (f"{as_markdown(rule.harm[language])}\n\n", f"**{_MEND[language]}** {as_markdown(rule.mend[language])}\n")
    if rule.evidence:
        yield f"\n{_SEEN[language]}" + "".join(f"\n- {as_markdown(place)}" for place in rule.evidence) + "\n"


_MEND: Text = both("What to do:", "改法：")
_SEEN: Text = both("Seen in:", "见于：")


def as_markdown(text: str) -> str:
    """The text as Markdown that shows it: nothing in it is markup or HTML."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#|~&!" else char for char in text)


def _as_bytes(value: object) -> bytes:
    # A lone surrogate, of a file's name perhaps, stays an escape.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
