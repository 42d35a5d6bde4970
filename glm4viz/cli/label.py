"""glm4viz label: which tokens of a file's conversations are trained."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from glm4viz.cli.config import ConfigOption, parse_config
from glm4viz.cli.options import Json, Language, MaxLengthOption, parse_max_length, say
from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError, ReadError, UnknownRecipe
from glm4viz.labelling.single import label_all
from glm4viz.readers import read_conversations
from glm4viz.recipe import LabelledSample
from glm4viz.systems.own import SCHEME, get_custom
from glm4viz.systems.registry import DEFAULT, get_recipe


def label(
    file: Annotated[Path, typer.Argument(help="Conversations as JSON or JSONL; - reads standard input.", allow_dash=True)],
    recipe: Annotated[str | None, typer.Option(help=f"A recipe id, see `glm4viz recipes`. [default: {DEFAULT}]")] = None,
    max_length: MaxLengthOption = None,
    config: ConfigOption = None,
    as_json: Json = False,
    lang: Language = "en",
) -> None:
    """Show which tokens are trained. Trained text is green and [in brackets]; masked text is dim."""
    found = parse_config(config, lang)
    try:
        chosen = (
            get_custom(recipe) if recipe and recipe.startswith(SCHEME) else get_recipe(recipe or (found.recipe_id if found else DEFAULT))
        )
    except (UnknownRecipe, ValueError) as error:
        raise typer.BadParameter(error.sentence(lang) if isinstance(error, UnknownRecipe) else str(error)) from None
    limit = parse_max_length(chosen, max_length)
    if limit is None and found and recipe is None:
        limit = found.max_length
    console, failed = Console(highlight=False, soft_wrap=True), False
    for number, record in enumerate(read_conversations(sys.stdin.buffer.read() if str(file) == "-" else file)):
        try:
            if isinstance(record, ReadError):
                raise record
            samples = label_all(record, chosen, max_length=limit)
        except Glm4vizError as error:
            failed = True
            _show_error(error, number, record, as_json, lang)
            continue
        for sample in samples:
            if as_json:
                say({"record": number} | _as_dict(sample))
            else:
                _show_sample(console, number, sample)
    raise typer.Exit(1 if failed else 0)


# ---------------------------------------------------------------------------------------------------------------------


def _show_error(error: Glm4vizError, number: int, record: Conversation | ReadError, as_json: bool, lang: str) -> None:
    line = record.line
    if as_json:
        details: dict[str, Any] = {"record": number, "line": line, "error": type(error).__name__, "sentence": error.sentence(lang)}
        if isinstance(error, ReadError):
            details |= {"column": error.column, "field": error.field}
        say(details)
        return
    place = error.where() if isinstance(error, ReadError) else f"record {number}" + (f", line {line}" if line else "")
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]✗ {escape(place)}[/] {escape(error.sentence(lang))}")


def _as_dict(sample: LabelledSample) -> dict[str, Any]:
    return {
        "recipe": sample.recipe.id,
        "input_ids": sample.input_ids.tolist(),
        "labels": sample.labels.tolist(),
        "message_index": sample.message_index.tolist(),
        "owner": sample.owner.tolist(),
        "parts": sample.parts.tolist(),
        "warnings": sample.warnings,
    }


def _show_sample(console: Console, number: int, sample: LabelledSample) -> None:
    trained = sample.trained
    console.print(f"[bold]record {number}[/] · {sample.recipe.id} · {len(sample)} tokens, {int(trained.sum())} trained")
    text, start = Text(), 0
    # Runs of equal state, so that a character split over tokens is decoded whole wherever its tokens agree.
    for stop in [*(int(i) + 1 for i in (trained[1:] != trained[:-1]).nonzero()[0]), len(sample)]:
        part = b"".join(sample.token_bytes[start:stop]).decode("utf-8", "backslashreplace")
        text.append(f"[{part}]" if trained[start] else part, style="bold green" if trained[start] else "dim")
        start = stop
    console.print(text)
    console.print()
