"""glm4viz check: what in a dataset would ruin a fine-tune."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from difflib import get_close_matches
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bar

from glm4viz.check import Place, Progress, Settings, Summary, check_files, summarise
from glm4viz.check.examine import DROPS, WHOLE_FILE
from glm4viz.check.github import Annotations, step_summary
from glm4viz.check.near import LOWEST, THRESHOLD
from glm4viz.check.outliers import find_outliers
from glm4viz.check.page import Examples, about_line, report
from glm4viz.check.sarif import SarifLog
from glm4viz.check.summary import leave_out, on_no_record
from glm4viz.cli.choice import choose
from glm4viz.cli.display import show
from glm4viz.cli.files import SIDES, must_be_there, not_onto, output, side_path
from glm4viz.cli.fixing import Fixing, parse_drop
from glm4viz.cli.misuse import Misuse
from glm4viz.cli.options import ConfigOption, Json, Language, MaxLengthOption, RecipeOption, parse_whole, say
from glm4viz.cli.streams import add_to_step, say_to_runner
from glm4viz.errors import Glm4vizError
from glm4viz.linter import RULES, SEVERITIES, Finding
from glm4viz.texts import printable

_FAIL_ON = ("error", "warning")


def command(
    files: Annotated[list[Path], typer.Argument(help="Datasets in any format that convert reads; - reads standard input.")],
    recipe: RecipeOption = None,
    max_length: MaxLengthOption = None,
    config: ConfigOption = None,
    near_duplicates: Annotated[
        bool, typer.Option("--near-duplicates", help="Also look for records whose text is nearly the same; takes more time and memory.")
    ] = False,
    near_threshold: Annotated[
        str | None,
        typer.Option(
            metavar=f"{LOWEST}…1",
            help="How much alike (Jaccard index of 5-grams of characters) near duplicates are; turns the search on.",
            show_default=str(THRESHOLD),
        ),
    ] = None,
    loss_outliers: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Also compute each record's loss under this model (demo, a checkpoint directory, a hub id or a listed server) and list those far above the "
            "rest of their file; needs the extra `loss`.",
        ),
    ] = None,
    fail_on: Annotated[str, typer.Option(metavar="|".join(_FAIL_ON), help="The severity from which on the exit status is 1.")] = "error",
    as_json: Json = False,
    html: Annotated[Path | None, typer.Option(help="Write the result as one HTML page.")] = None,
    sarif: Annotated[Path | None, typer.Option(help="Write the result as SARIF 2.1.0, for code scanning.")] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Annotate lines in GitHub Actions, and write the summary of the step there.")
    ] = False,
    fix: Annotated[
        Path | None,
        typer.Option(
            help="Write all readable records to this new file, one a line, in the form and with the keys they have, with what needs no guess "
            "mended. Beside it: FIX.changes.jsonl, FIX.rejected.jsonl (what can't be read), FIX.dropped.jsonl."
        ),
    ] = None,
    drop: Annotated[
        str | None, typer.Option(metavar=",".join(DROPS), help="With --fix: records to leave out, by one or more of these names.")
    ] = None,
    ignore: Annotated[
        str | None,
        typer.Option(
            metavar="RULE,…", help="Rules to leave out, by their ids. How many findings that are is said; they change no exit status."
        ),
    ] = None,
    workers: Annotated[str | None, typer.Option(metavar="N", help="Processes; by default one for each core.")] = None,
    lang: Language = "en",
) -> None:
    """Find what would ruin a fine-tune: answers cut off, stops untrained, calls of the wrong shape, duplicates and more."""
    failing, near = _failing(fail_on), _near(near_threshold, near_duplicates)
    processes = None if workers is None else parse_whole(workers, "--workers")
    chosen = choose(recipe, max_length, config, lang, default=True)
    if github and as_json:
        raise Misuse(
            "--github",
            "Give either --github or --json: both write to standard output.",
            "--github 和 --json 都写到标准输出，请只给出一个。",
        )
    must_be_there(files)
    dropped = parse_drop(drop, fix)
    sides = [("--fix", side_path(fix, kind)) for kind in SIDES] if fix else []
    not_onto([("--fix", fix), *sides, ("--html", html), ("--sarif", sarif)], [*files, *([config] if config else [])])
    if "near-duplicates" in dropped and near is None:
        near = THRESHOLD
    settings = Settings(chosen.recipe.id, chosen.max_length, fix is not None, near, chosen.by_hand, dropped, _ignored(ignore))
    examples, console = Examples(), Console(highlight=False, soft_wrap=True)
    fixing: Fixing | None = None
    more = _outliers(files, settings, loss_outliers)
    with ExitStack() as stack:
        eaches: list[Callable[[Progress], None]] = [stack.enter_context(_progress(files)), examples.add]
        if as_json:
            eaches.append(partial(_say_findings, lang=lang))
        page = None if html is None else stack.enter_context(output(html, "--html"))
        log = None if sarif is None else stack.enter_context(output(sarif, "--sarif"))
        about = _command(files, settings, loss_outliers)
        scanned, notes = SarifLog(about, lang), Annotations(lang)
        eaches += ([] if log is None else [scanned.add]) + ([notes.add] if github else [])
        if fix is not None:
            fixing = Fixing(fix, stack, console, as_json, lang)
            eaches.append(fixing.add)
        # Closed at once if anything fails, so that no worker outlasts the command.
        checked = stack.enter_context(closing(check_files(files, settings, processes, more=more)))
        pieces = leave_out(chain(on_no_record(str(config), chosen.findings), checked), settings.ignore)
        summary = summarise(_told(pieces, eaches))
        if fixing is not None:
            fixing.finish()
        if page is not None:
            page.write(report(summary, examples, settings.recipe, about, lang).encode())
        if log is not None:
            log.write(scanned.dump())
    if github:
        say_to_runner(notes.text())
        add_to_step(step_summary(summary, settings.recipe, about, lang))
    if as_json:
        say(_as_dict(summary, files, settings) | (fixing.as_dict() if fixing else {}))
    else:
        console.print(escape(about_line([printable(str(file)) for file in files], settings.recipe, settings.max_length, lang)))
        show(console, summary, settings.recipe, lang)
        if fixing is not None:
            fixing.show()
    raise typer.Exit(1 if any(summary.severities[severity] for severity in failing) else 0)


# Options --------------------------------------------------------------------------------------------------------------


def _failing(fail_on: str) -> tuple[str, ...]:
    if fail_on not in _FAIL_ON:
        raise Misuse("--fail-on", f"{fail_on!r} is none of error, warning.", f"{fail_on!r} 不是 error 或 warning。")
    return SEVERITIES[: SEVERITIES.index(fail_on) + 1]


def _ignored(ids: str | None) -> tuple[str, ...]:
    """The rules whose findings are left out."""
    given = tuple(dict.fromkeys(id.strip() for id in (ids or "").split(",") if id.strip()))
    if ids is not None and not given:
        raise Misuse("--ignore", "It names no rule.", "没有给出规则。")
    if unknown := next((id for id in given if id not in RULES), ""):
        close = get_close_matches(unknown, RULES, 3)
        en, zh = (
            (f"; close are {', '.join(close)}", f"；相近的有 {'、'.join(close)}")
            if close
            else ("; docs/rules.md has all", "；全部规则见 docs/rules.md")
        )
        raise Misuse("--ignore", f"There is no rule {unknown!r}{en}.", f"没有规则 {unknown!r}{zh}。")
    return given


def _near(threshold: str | None, wanted: bool) -> float | None:
    """How much alike near duplicates have to be; None: they are not looked for."""
    if threshold is None:
        return THRESHOLD if wanted else None
    try:
        number = float(threshold)
    except ValueError:
        number = -1
    if not LOWEST <= number <= 1:
        raise Misuse(
            "--near-threshold", f"{threshold!r} is not a number from {LOWEST} to 1.", f"{threshold!r} 不是 {LOWEST} 到 1 之间的数。"
        )
    return number


def _outliers(files: list[Path], settings: Settings, model: str | None) -> Mapping[tuple[str, int], Finding]:
    if model is None:
        return {}
    if Path("-") in files:
        raise Misuse(
            "--loss-outliers",
            "It reads the data twice, so it takes files, not standard input.",
            "它要读两遍数据，所以只接受文件，不读取标准输入。",
        )
    with _bar(files, "loss") as advance:
        try:
            return find_outliers(files, settings, model, advance)
        except (Glm4vizError, OSError) as error:
            raise Misuse.because("--loss-outliers", error) from None


def _command(files: list[Path], settings: Settings, model: str | None) -> str:
    """What was checked and how, in a line."""
    limit = settings.max_length
    words = ["glm4viz check", *map(str, files), "--recipe", settings.recipe]
    words += [] if limit is None else ["--max-length", ",".join(map(str, limit)) if isinstance(limit, tuple) else str(limit)]
    words += [] if settings.near is None else ["--near-threshold", str(settings.near)]
    words += [] if model is None else ["--loss-outliers", model]
    words += ["--ignore", ",".join(settings.ignore)] if settings.ignore else []
    return " ".join(words)


def _told(pieces: Iterator[Progress], eaches: list[Callable[[Progress], None]]) -> Iterator[Progress]:
    for piece in pieces:
        for each in eaches:
            each(piece)
        yield piece


# Progress -------------------------------------------------------------------------------------------------------------


@contextmanager
def _progress(files: list[Path]) -> Iterator[Callable[[Progress], None]]:
    with _bar(files) as advance:
        yield lambda piece: advance(piece.bytes)


@contextmanager
def _bar(files: list[Path], name: str = "") -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    total = sum(path.stat().st_size for path in files if path.is_file())
    # Nothing else may go its way: rows on standard output are for another program.
    with Bar(console=console, transient=True, disable=not console.is_terminal, redirect_stdout=False) as bar:
        task = bar.add_task(name, total=total)
        yield lambda size: bar.advance(task, size)


# Output ---------------------------------------------------------------------------------------------------------------


def _say_findings(piece: Progress, lang: str) -> None:
    for checked in piece.checked:
        for finding in checked.findings:
            say(_finding(checked.place, finding, lang))


def _finding(place: Place, finding: Finding, lang: str) -> dict[str, Any]:
    return {
        "file": place.file,
        "line": place.line,
        "record": None if place.record == WHOLE_FILE else place.record,
        "rule": finding.rule,
        "severity": finding.severity,
        "message_index": finding.message_index,
        "token_range": finding.token_range,
        "text": finding.sentence(lang),
    }


def _as_dict(summary: Summary, files: list[Path], settings: Settings) -> dict[str, Any]:
    """rules: how often each found something; hurt: trained tokens of the records in which it did. Both worst first."""
    return {
        "files": list(map(str, files)),
        "recipe": settings.recipe,
        "max_length": settings.max_length,
        "summary": {severity: summary.severities[severity] for severity in SEVERITIES},
        "records": summary.records,
        "bad_records": summary.bad_records,
        "unread": summary.unread,
        "refused": summary.refused,
        "trained": summary.trained,
        "rules": dict(summary.counts()),
        "ignored": {rule: summary.left_out[rule] for rule in settings.ignore},
        "hurt": {found.rule: found.hurt for found in summary.rules()},
        "whole_file": [{"rule": found.rule, "severity": found.severity, "records": found.records} for found in summary.whole()],
    }
