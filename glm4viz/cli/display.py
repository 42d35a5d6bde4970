"""What check prints of a whole: the verdict, facts of the file, the rules, the worst records."""

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from glm4viz.check import Summary
from glm4viz.check.page import SHOWN, hurt_share, ignored_line, verdict_line, whole_line, word
from glm4viz.linter import RULES, Finding
from glm4viz.texts import printable

_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}


def show(console: Console, summary: Summary, recipe: str, lang: str) -> None:
    """Everything, the worst last; a tick only where all was read and labelled and nothing was found."""
    console.print(word("records", lang, count=summary.records, bad=summary.bad_records))
    if summary.unread or summary.refused:
        console.print(f"[red]✗[/] {word('not_all', lang, unread=summary.unread, refused=summary.refused)}")
    if ignored := ignored_line(summary, lang):
        console.print(f"[yellow]![/] {ignored}")
    if verdict := verdict_line(summary, recipe, lang):
        console.print(f"{'[green]✓[/]' if summary.spotless else '[yellow]![/]' if summary.left_out else '[red]✗[/]'} {verdict}")
        return
    for place, finding in summary.about_all:
        console.print(f"[bold]{escape(printable(str(place)))}[/] {_severity(finding.severity, lang)} {escape(finding.sentence(lang))}")
    whole = summary.whole()
    for found in whole:
        console.print(
            f"{_severity(found.severity, lang)} {found.rule}  {escape(whole_line(found.rule, found.records, summary.records, lang))}"
        )
    # A rule's name in full: it is what --ignore takes.
    table = Table(word("severity", lang), Column(word("rule", lang), no_wrap=True), word("count", lang), word("hurt", lang), "")
    for found in [found for found in summary.rules() if found not in whole]:
        share = hurt_share(found, summary)
        table.add_row(_severity(found.severity, lang), found.rule, f"{found.findings:,}", share, RULES[found.rule].title[lang])
    if table.row_count:
        console.print(table)
    explained: set[str] = set()
    for checked in summary.worst:
        console.print(f"[bold]{escape(printable(str(checked.place)))}[/]")
        for finding in checked.findings:
            message = "" if finding.message_index is None else f" messages[{finding.message_index}]"
            said = _said(finding, explained, lang)
            console.print(f"  {_severity(finding.severity, lang)} {finding.rule}{escape(message)}  {escape(said)}")
    if summary.bad_records and not summary.worst:
        console.print(word("only_whole", lang))
    elif summary.bad_records > len(summary.worst):
        console.print(word("listed", lang, shown=len(summary.worst), count=summary.bad_records, each=SHOWN))


def _said(finding: Finding, explained: set[str], lang: str) -> str:
    """The sentence, but without what is the same each time once that has been said."""
    if finding.rule in explained:
        return RULES[finding.rule].in_short(finding, lang)
    explained.add(finding.rule)
    return finding.sentence(lang)


def _severity(severity: str, lang: str) -> str:
    return f"[{_COLOURS[severity]}]{word(severity, lang)}[/]"
