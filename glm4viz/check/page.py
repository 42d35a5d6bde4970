"""The result of a check as one HTML file that needs nothing else and can do nothing: no script, no link, no picture.

Text from the data reaches it escaped only, and its policy forbids whatever it doesn't need itself, which is one style sheet.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

from glm4viz.check.examine import Place
from glm4viz.check.run import Progress, Summary
from glm4viz.linter import RULES, Finding
from glm4viz.texts import Text

SHOWN = 50  # findings of each rule that are listed; all are counted

_WORDS: dict[str, Text] = {
    "title": {"en": "Dataset check", "zh": "数据集检查"},
    "records": {"en": "{count:,} records, {bad:,} with findings", "zh": "共 {count:,} 条记录，其中 {bad:,} 条有问题"},
    "clean": {"en": "Nothing was found.", "zh": "没有发现问题。"},
    "rule": {"en": "Rule", "zh": "规则"},
    "severity": {"en": "Severity", "zh": "级别"},
    "count": {"en": "Findings", "zh": "次数"},
    "record": {"en": "Record", "zh": "记录"},
    "message": {"en": "Message", "zh": "消息"},
    "what": {"en": "What goes wrong, and how to mend it", "zh": "问题与改法"},
    "first": {"en": "The first {shown} of {count:,}", "zh": "前 {shown} 条，共 {count:,} 条"},
    "error": {"en": "✗ error", "zh": "✗ 错误"},
    "warning": {"en": "! warning", "zh": "! 警告"},
    "info": {"en": "i hint", "zh": "i 提示"},
}
_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8886;overflow-wrap:anywhere}
th,td:first-child{white-space:nowrap}
summary{cursor:pointer;padding:.3rem 0}
code{font-family:ui-monospace,monospace}
.error{color:light-dark(#a11,#f88)}.warning{color:light-dark(#850,#fb6)}.info{color:light-dark(#047,#8cf)}
"""


def word(key: str, language: str, **values: object) -> str:
    """One of the words of the report, also used on the command line."""
    return _WORDS[key]["zh" if language == "zh" else "en"].format(**values)


@dataclass(slots=True)
class Examples:
    """The first findings of each rule, collected on the way."""

    found: dict[str, list[tuple[Place, Finding]]] = field(default_factory=dict)

    def add(self, piece: Progress) -> None:
        for checked in piece.checked:
            for finding in checked.findings:
                listed = self.found.setdefault(finding.rule, [])
                if len(listed) < SHOWN:
                    listed.append((checked.place, finding))


def report(summary: Summary, examples: Examples, about: str, language: str) -> str:
    """The page. `about`: what was checked and how, in a line."""
    body = "\n".join(_body(summary, examples, about, language))
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = escape(word("title", language))
    return (
        f'<!doctype html>\n<html lang="{"zh" if language == "zh" else "en"}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<meta name="referrer" content="no-referrer">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )


# ---------------------------------------------------------------------------------------------------------------------


def _body(summary: Summary, examples: Examples, about: str, language: str) -> Iterator[str]:
    yield f"<p><code>{escape(about)}</code></p>"
    yield f"<p>{escape(word('records', language, count=summary.records, bad=summary.bad_records))}</p>"
    counts = summary.counts()
    if not counts:
        yield f"<p>{escape(word('clean', language))}</p>"
        return
    yield "<table>" + _row("th", *(escape(word(key, language)) for key in ("severity", "rule", "count")))
    for id, count in counts:
        yield _row("td", _severity(summary.gravest[id], language), _name(id, language), f"{count:,}")
    yield "</table>"
    for id, count in counts:
        listed = examples.found.get(id, [])
        more = f" · {word('first', language, shown=len(listed), count=count)}" if count > len(listed) else ""
        yield f"<details open><summary>{_name(id, language)}{escape(more)}</summary>"
        yield "<table>" + _row("th", *(escape(word(key, language)) for key in ("record", "message", "what")))
        for place, finding in listed:
            message = "" if finding.message_index is None else str(finding.message_index)
            what = f"{_severity(finding.severity, language)} {escape(finding.sentence(language))}"
            yield _row("td", escape(str(place)), message, what)
        yield "</table></details>"


def _row(cell: str, *cells: str) -> str:
    return "<tr>" + "".join(f"<{cell}>{text}</{cell}>" for text in cells) + "</tr>"


def _name(id: str, language: str) -> str:
    return f"<code>{escape(id)}</code> {escape(RULES[id].title['zh' if language == 'zh' else 'en'])}"


def _severity(severity: str, language: str) -> str:
    return f'<span class="{severity}">{escape(word(severity, language))}</span>'
