"""glm4viz check: what in a dataset would ruin a fine-tune."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bar
from rich.table import Table

from glm4viz.check import Place, Progress, Settings, Summary, check_files, summarise
from glm4viz.check.near import LOWEST, THRESHOLD
from glm4viz.check.outliers import find_outliers
from glm4viz.check.page import Examples, report, word
from glm4viz.cli.config import ConfigOption, parse_config
from glm4viz.cli.options import Json, Language, MaxLengthOption, parse_max_length, say
from glm4viz.errors import Glm4vizError, UnknownRecipe
from glm4viz.linter import RULES, SEVERITIES, Finding
from glm4viz.linter.mend import Change
from glm4viz.recipe import MaxLength, Recipe
from glm4viz.systems.registry import DEFAULT, get_recipe
from glm4viz.writing import whole_file

_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}


class FailOn(StrEnum):
    """From which severity on the command fails."""

    error = "error"
    warning = "warning"


def check(
    files: Annotated[list[Path], typer.Argument(help="Datasets in any format that convert reads.", exists=True)],
    recipe: Annotated[
        str | None,
        typer.Option(help="A recipe id, see `glm4viz recipes`, or custom: and a code.", show_default=DEFAULT),
    ] = None,
    max_length: MaxLengthOption = None,
    config: ConfigOption = None,
    near_duplicates: Annotated[
        bool, typer.Option("--near-duplicates", help="Also look for records whose text is nearly the same; takes more time and memory.")
    ] = False,
    near_threshold: Annotated[
        float | None,
        typer.Option(
            min=LOWEST,
            max=1,
            help="How much alike (Jaccard index of 5-grams of characters) near duplicates are; turns the search on.",
            show_default=str(THRESHOLD),
        ),
    ] = None,
    loss_outliers: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Also compute each record's loss under this model (demo, a checkpoint directory or a hub id) and list those far above the "
            "rest of their file; needs the extra `loss`.",
        ),
    ] = None,
    fail_on: Annotated[FailOn, typer.Option(help="The severity from which on the exit status is 1.")] = FailOn.error,
    as_json: Json = False,
    html: Annotated[Path | None, typer.Option(help="Write the result as one HTML page.", dir_okay=False)] = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            help="Write the messages of all readable records as GLM-4's JSONL, with what needs no guess mended; other keys are left out.",
            dir_okay=False,
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one for each core.")] = None,
    lang: Language = "en",
) -> None:
    """Find what would ruin a fine-tune: answers cut off, stops untrained, calls of the wrong shape, duplicates and more."""
    lang = "zh" if lang == "zh" else "en"
    chosen, limit = _recipe_and_limit(recipe, max_length, config, lang)
    near = near_threshold if near_threshold is not None else THRESHOLD if near_duplicates else None
    settings = Settings(chosen.id, limit, fix is not None, near)
    examples, console = Examples(), Console(highlight=False, soft_wrap=True)
    mended = _Mended(console, as_json, lang)
    more = _outliers(files, settings, loss_outliers, lang)
    with ExitStack() as stack:
        eaches: list[Callable[[Progress], None]] = [stack.enter_context(_progress(files)), examples.add]
        if as_json:
            eaches.append(partial(_say_findings, lang=lang))
        if fix is not None:
            mended.file = stack.enter_context(_output(fix, "--fix"))
            eaches.append(mended.add)
        summary = summarise(_told(check_files(files, settings, workers, more=more), eaches))
        if fix is not None and not mended.written:
            raise typer.BadParameter("no record could be read, so nothing was written", param_hint="--fix")
    if html is not None:
        with _output(html, "--html") as file:
            file.write(report(summary, examples, _command(files, settings, loss_outliers), lang).encode())
    if as_json:
        say(_as_dict(summary) | ({"written": mended.written, "changes": mended.changes} if fix is not None else {}))
    else:
        _show(console, summary, lang)
    failing = SEVERITIES[: SEVERITIES.index(fail_on.value) + 1]
    raise typer.Exit(1 if any(summary.severities[severity] for severity in failing) else 0)


def _recipe_and_limit(recipe: str | None, max_length: str | None, config: Path | None, lang: str) -> tuple[Recipe, MaxLength]:
    """As given, or as the training config says. Raises typer.BadParameter."""
    if config is not None and (recipe is not None or max_length is not None):
        raise typer.BadParameter("give either a training config, or a recipe and a limit", param_hint="--config")
    found = parse_config(config, lang)
    if found is not None:
        return found.recipe, found.max_length
    try:
        chosen = get_recipe(recipe or DEFAULT)
    except (UnknownRecipe, ValueError) as error:
        raise typer.BadParameter(error.sentence(lang) if isinstance(error, UnknownRecipe) else str(error), param_hint="--recipe") from None
    return chosen, parse_max_length(chosen, max_length)


def _outliers(files: list[Path], settings: Settings, model: str | None, lang: str) -> Mapping[tuple[str, int], Finding]:
    if model is None:
        return {}
    with _bar(files, "loss") as advance:
        try:
            return find_outliers(files, settings, model, advance)
        except Glm4vizError as error:
            raise typer.BadParameter(error.sentence(lang), param_hint="--loss-outliers") from None


def _command(files: list[Path], settings: Settings, model: str | None) -> str:
    """What was checked and how, in a line."""
    limit = settings.max_length
    words = ["glm4viz check", *map(str, files), "--recipe", settings.recipe]
    words += [] if limit is None else ["--max-length", ",".join(map(str, limit)) if isinstance(limit, tuple) else str(limit)]
    words += [] if settings.near is None else ["--near-threshold", str(settings.near)]
    words += [] if model is None else ["--loss-outliers", model]
    return " ".join(words)


def _told(pieces: Iterator[Progress], eaches: list[Callable[[Progress], None]]) -> Iterator[Progress]:
    for piece in pieces:
        for each in eaches:
            each(piece)
        yield piece


# Files and progress ---------------------------------------------------------------------------------------------------


@contextmanager
def _output(path: Path, option: str) -> Iterator[BinaryIO]:
    """A file that stands there whole, or not at all."""
    try:
        with whole_file(path) as file:
            yield file
    except OSError as error:
        raise typer.BadParameter(f"{path} can't be written: {error.strerror or error}", param_hint=option) from None


@contextmanager
def _progress(files: list[Path]) -> Iterator[Callable[[Progress], None]]:
    with _bar(files) as advance:
        yield lambda piece: advance(piece.bytes)


@contextmanager
def _bar(files: list[Path], name: str = "") -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    total = sum(path.stat().st_size for path in files if path.is_file())
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=total)
        yield lambda size: bar.advance(task, size)


class _Mended:
    """Writes the mended records and lists what was changed in them."""

    def __init__(self, console: Console, as_json: bool, lang: str) -> None:
        self.console, self.as_json, self.lang = console, as_json, lang
        self.file: BinaryIO | None = None
        self.written = self.changes = 0

    def add(self, piece: Progress) -> None:
        if self.file is not None:
            self.file.writelines(piece.mended)
        self.written += len(piece.mended)
        self.changes += len(piece.changes)
        for place, change in piece.changes:
            self._list(place, change)

    def _list(self, place: Place, change: Change) -> None:
        field = f"messages[{change.message_index}]" + (f".{change.field}" if change.field else "")
        if self.as_json:
            say({"change": change.sentence(self.lang), "file": place.file, "line": place.line, "record": place.record, "field": field})
        else:
            self.console.print(f"[green]✓[/] {escape(str(place))} {escape(field)}: {escape(change.sentence(self.lang))}")


# Output ---------------------------------------------------------------------------------------------------------------


def _say_findings(piece: Progress, lang: str) -> None:
    for checked in piece.checked:
        for finding in checked.findings:
            say(_finding(checked.place, finding, lang))


def _finding(place: Place, finding: Finding, lang: str) -> dict[str, Any]:
    return {
        "file": place.file,
        "line": place.line,
        "record": place.record,
        "rule": finding.rule,
        "severity": finding.severity,
        "message_index": finding.message_index,
        "token_range": finding.token_range,
        "text": finding.sentence(lang),
    }


def _as_dict(summary: Summary) -> dict[str, Any]:
    severities = {severity: summary.severities[severity] for severity in SEVERITIES}
    return {"summary": severities, "records": summary.records, "bad_records": summary.bad_records, "rules": dict(summary.counts())}


def _show(console: Console, summary: Summary, lang: str) -> None:
    console.print(word("records", lang, count=summary.records, bad=summary.bad_records))
    if not summary.bad_records:
        console.print(f"[green]✓[/] {word('clean', lang)}")
        return
    table = Table(word("severity", lang), word("rule", lang), word("count", lang), "")
    for id, count in summary.counts():
        table.add_row(_severity(summary.gravest[id], lang), id, f"{count:,}", RULES[id].title[lang])
    console.print(table)
    explained: set[str] = set()
    for checked in summary.worst:
        console.print(f"[bold]{escape(str(checked.place))}[/]")
        for finding in checked.findings:
            message = "" if finding.message_index is None else f" messages[{finding.message_index}]"
            said = _said(finding, explained, lang)
            console.print(f"  {_severity(finding.severity, lang)} {finding.rule}{escape(message)}  {escape(said)}")


def _said(finding: Finding, explained: set[str], lang: str) -> str:
    """The sentence, but without what is the same each time once that has been said."""
    rule, sentence = RULES[finding.rule], finding.sentence(lang)
    own = sentence.removeprefix(rule.explanation(lang))
    if finding.rule not in explained or own == sentence:
        explained.add(finding.rule)
        return sentence
    return f"{rule.title[lang]}.{own}" if lang == "en" else f"{rule.title[lang]}。{own}"


def _severity(severity: str, lang: str) -> str:
    return f"[{_COLOURS[severity]}]{word(severity, lang)}[/]"
