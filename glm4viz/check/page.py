"""The result of a check as one HTML file that needs nothing else and can do nothing: no script, no link, no picture.

Text from the data reaches it escaped only, and its policy forbids whatever it doesn't need itself, which is one style sheet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from glm4viz.check.examine import Place
from glm4viz.check.run import Progress
from glm4viz.check.summary import Found, Summary, likely_cause
from glm4viz.linter import RULES, Finding
from glm4viz.recipe import MaxLength
from glm4viz.report.document import SEVERITY_WORDS, document, row
from glm4viz.systems.registry import get_recipe
from glm4viz.texts import Text

SHOWN = 50  # findings of each rule that are listed; all are counted

_WORDS: dict[str, Text] = {
    "title": {"en": "Dataset check", "zh": "数据集检查"},
    "records": {"en": "{count:,} records, {bad:,} with findings", "zh": "共 {count:,} 条记录，其中 {bad:,} 条有问题"},
    "clean": {
        "en": "Nothing was found in {count:,} records: all were read, labelled and held against {rules} rules.",
        "zh": "没有发现问题：{count:,} 条记录全部读取、生成标签，并按 {rules} 条规则检查。",
    },
    "nothing": {"en": "There was no record to check.", "zh": "没有可检查的记录。"},
    "not_all": {
        "en": "Not checked: {unread:,} records that can't be read, {refused:,} that the recipe refuses.",
        "zh": "未能检查：{unread:,} 条无法读取，{refused:,} 条被配方拒绝。",
    },
    "ignored": {
        "en": "Left out: {count:,} findings of rules that are switched off ({rules}).",
        "zh": "未列出：已关闭的规则的 {count:,} 处问题（{rules}）。",
    },
    "only_ignored": {
        "en": "All that was found is of rules that are switched off.",
        "zh": "发现的问题都属于已关闭的规则。",
    },
    "whole": {"en": "The whole file ({count:,} of {all:,} records)", "zh": "整个文件（{all:,} 条中的 {count:,} 条）"},
    "about": {"en": "Checked: {files} · recipe {recipe} · max_length {limit}", "zh": "检查：{files} · 配方 {recipe} · max_length {limit}"},
    "no_limit": {"en": "none", "zh": "无"},
    "hurt": {"en": "Trained tokens hurt", "zh": "受影响的训练 token"},
    "listed": {
        "en": "{shown} of {count:,} records with findings are listed, the worst first. --json lists all of them; --html FILE the first "
        "{each} of each rule.",
        "zh": "以上列出 {count:,} 条有问题的记录中最严重的 {shown} 条。--json 列出全部；--html 文件 列出每条规则的前 {each} 条。",
    },
    "only_whole": {
        "en": "All that was found is said above, of the whole file; --json lists every record.",
        "zh": "发现的都是上面所说的整个文件的问题；--json 列出每条记录。",
    },
    "rule": {"en": "Rule", "zh": "规则"},
    "severity": {"en": "Severity", "zh": "级别"},
    "count": {"en": "Findings", "zh": "次数"},
    "record": {"en": "Record", "zh": "记录"},
    "message": {"en": "Message", "zh": "消息"},
    "what": {"en": "What goes wrong, and how to mend it", "zh": "问题与改法"},
    "first": {
        "en": "The first {shown} of {count:,}; glm4viz check --json lists all",
        "zh": "前 {shown} 条，共 {count:,} 条；glm4viz check --json 列出全部",
    },
    **SEVERITY_WORDS,
}


def word(key: str, language: str, **values: object) -> str:
    """One of the words of the report, also used on the command line."""
    return _WORDS[key]["zh" if language == "zh" else "en"].format(**values)


def about_line(files: Sequence[str], recipe: str, max_length: MaxLength, language: str) -> str:
    """What was checked and with what, in a line."""
    limit = word("no_limit", language) if max_length is None else max_length
    return word(
        "about", language, files=", ".join(files), recipe=recipe, limit=",".join(map(str, limit)) if isinstance(limit, tuple) else limit
    )


def verdict_line(summary: Summary, recipe: str, language: str) -> str:
    """That nothing was found and in what, or that there was nothing to check; "" if something was found."""
    if summary.spotless:
        return word("clean", language, count=summary.records, rules=rules_held(recipe))
    if summary.findings:
        return ""
    return word("only_ignored" if summary.left_out else "nothing", language)


def ignored_line(summary: Summary, language: str) -> str:
    """How many findings of ignored rules are left out, and of which; "" if there are none."""
    names = ", ".join(sorted(summary.left_out))
    return word("ignored", language, count=summary.left_out.total(), rules=names) if names else ""


def rules_held(recipe: str) -> int:
    """How many rules every check with this recipe holds records against."""
    form = get_recipe(recipe).form
    return sum(not rule.option and form in rule.forms for rule in RULES.values())


def whole_line(rule: str, records: int, total: int, language: str) -> str:
    """A fact of the whole file in a line: how many records, what, and where it likely comes from."""
    title, colon, stop = RULES[rule].title[language], *((": ", ". ") if language == "en" else ("：", "。"))
    return word("whole", language, count=records, all=total) + colon + title + stop + likely_cause(rule)[language]


def hurt_share(found: Found, summary: Summary) -> str:
    """The part of all trained tokens that stand in the records in which a rule found something."""
    return f"{found.hurt / summary.trained:.1%}" if summary.trained else "–"


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


def report(summary: Summary, examples: Examples, recipe: str, about: str, language: str) -> str:
    """The page. `about`: what was checked and how, in a line."""
    body = "\n".join(_body(summary, examples, recipe, about, language))
    title = word("title", language)
    return document(title, f"<h1>{escape(title)}</h1>\n{body}", language)


# ---------------------------------------------------------------------------------------------------------------------


def _body(summary: Summary, examples: Examples, recipe: str, about: str, language: str) -> Iterator[str]:
    yield f"<p><code>{escape(about)}</code></p>"
    yield f"<p>{escape(word('records', language, count=summary.records, bad=summary.bad_records))}</p>"
    if summary.unread or summary.refused:
        yield f"<p>{escape(word('not_all', language, unread=summary.unread, refused=summary.refused))}</p>"
    if ignored := ignored_line(summary, language):
        yield f"<p>{escape(ignored)}</p>"
    if verdict := verdict_line(summary, recipe, language):
        yield f"<p>{escape(verdict)}</p>"
        return
    for _, finding in summary.about_all:
        yield f"<p>{_severity(finding.severity, language)} {escape(finding.sentence(language))}</p>"
    whole = summary.whole()
    for found in whole:
        yield f"<p>{_severity(found.severity, language)} {escape(whole_line(found.rule, found.records, summary.records, language))}</p>"
    rules = [found for found in summary.rules() if found not in whole]
    yield "<table>" + row("th", *(escape(word(key, language)) for key in ("severity", "rule", "count", "hurt")))
    for found in rules:
        name = _name(found.rule, language)
        yield row("td", _severity(found.severity, language), name, f"{found.findings:,}", hurt_share(found, summary))
    yield "</table>"
    for found in rules:
        listed, count = examples.found.get(found.rule, []), found.findings
        more = f" · {word('first', language, shown=len(listed), count=count)}" if count > len(listed) else ""
        yield f"<details open><summary>{_name(found.rule, language)}{escape(more)}</summary>"
        yield "<table>" + row("th", *(escape(word(key, language)) for key in ("record", "message", "what")))
        for place, finding in listed:
            message = "" if finding.message_index is None else str(finding.message_index)
            what = f"{_severity(finding.severity, language)} {escape(finding.sentence(language))}"
            yield row("td", escape(str(place)), message, what)
        yield "</table></details>"


def _name(id: str, language: str) -> str:
    return f"<code>{escape(id)}</code> {escape(RULES[id].title['zh' if language == 'zh' else 'en'])}"


def _severity(severity: str, language: str) -> str:
    return f'<span class="{severity}">{escape(word(severity, language))}</span>'
