"""glm4viz capture: what a run's first batch taught, from its capture file; and how to have a trainer write one."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from glm4viz.cli.files import must_be_there, output
from glm4viz.cli.misuse import Misuse, asked_language
from glm4viz.cli.options import Json, Language, say
from glm4viz.errors import Glm4vizError
from glm4viz.linter.batch import lint_batch
from glm4viz.report.page import Batch, report
from glm4viz.report.words import counts, lines
from glm4viz.run.file import read_capture
from glm4viz.run.snippets import plain


class Shown(TyperCommand):
    """Its help ends with the lines to paste, as they are: no markup, no new line breaks."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        print(plain(asked_language(sys.argv[1:])))  # noqa: T201


def command(
    file: Annotated[Path | None, typer.Argument(help="A capture, *.glm4viz.json.gz. Without one, the lines to paste are shown.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write the report as one HTML page.")] = None,
    as_json: Json = False,
    lang: Language = "en",
) -> None:
    """Show what a run's first batch taught, or write its report (-o). Without a file: how to have your trainer write one."""
    if file is None:
        if out is not None or as_json:
            option = "--out" if out is not None else "--json"
            raise Misuse(option, "Name the capture file that is to be shown.", "请指定要显示的捕获文件。")
        print(plain(lang))  # noqa: T201
        return
    must_be_there([file])
    if out is not None and out.resolve() == file.resolve():
        raise Misuse(
            "--out", f"{out} would be written over what is read; name another file.", f"{out} 会覆盖被读取的文件；请换一个文件名。"
        )
    try:
        samples = read_capture(file)
    except (Glm4vizError, OSError) as error:
        raise Misuse.because("", error) from None
    findings = lint_batch(samples)
    if out is not None:
        with output(out, "--out") as page:
            page.write(report(Batch(file.name, samples, findings), lang).encode())
    if as_json:
        for finding in findings:
            say({"rule": finding.rule, "severity": finding.severity, "sequences": finding.sequences, "text": finding.sentence(lang)})
        trained = sum(int(sample.trained.sum()) for sample in samples)
        say({"sequences": len(samples), "tokens": sum(map(len, samples)), "trained": trained, "text": counts(samples)[lang]})
    else:
        for line in lines(samples, findings, lang):
            print(line)  # noqa: T201
    raise typer.Exit(1 if any(finding.severity == "error" for finding in findings) else 0)
