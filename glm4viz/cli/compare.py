"""glm4viz compare: what two or more recipes make of the same conversations."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from glm4viz.cli.options import Json, Language, MaxLengthOption, say
from glm4viz.comparison.alignment import Row
from glm4viz.comparison.compared import Comparison, compare, limit_for
from glm4viz.comparison.taught import answer_numbers, is_learned
from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError, ReadError, UnknownRecipe
from glm4viz.readers import read_conversations
from glm4viz.reading.verdict import Verdict
from glm4viz.recipe import MaxLength, Recipe, check_max_length
from glm4viz.systems.registry import get_recipe

# A state is told by its sign, not by its colour alone.
SIGNS = {"trained": "■", "masked": "·", "differs": "▨", "absent": " "}
STYLES = {"trained": "bold green", "masked": "dim", "differs": "bold magenta", "absent": "dim"}
LONGEST = 60  # characters of a stretch of text that are printed


def compare_file(
    file: Annotated[Path, typer.Argument(help="Conversations as JSON or JSONL; - reads standard input.", allow_dash=True)],
    recipes: Annotated[str, typer.Option(help="Recipe ids with commas between, see `glm4viz recipes`.")] = "glm4,llamafactory",
    max_length: MaxLengthOption = None,
    as_json: Json = False,
    lang: Language = "en",
) -> None:
    """Hold recipes against the first of them: sentences, a verdict each, and the stretches that differ.

    ■ trained, ▨ trained but with another label, · masked, blank: dropped, rewritten or cut.
    """
    chosen = _choose(recipes, lang)
    limit = _limit(chosen, max_length)
    console, failed = Console(highlight=False, soft_wrap=True), False
    for number, record in enumerate(read_conversations(sys.stdin.buffer.read() if str(file) == "-" else file)):
        try:
            if isinstance(record, ReadError):
                raise record
            found = compare(record, chosen, max_length=limit)
        except Glm4vizError as error:
            failed = True
            _show_error(error, number, record, as_json, lang)
            continue
        failed |= bool(found.errors)
        if as_json:
            say({"record": number} | as_dict(found, lang))
        else:
            console.print(f"[bold]record {number}[/]")
            _show(console, found, lang)
    raise typer.Exit(1 if failed else 0)


def _choose(recipes: str, lang: str) -> list[Recipe]:
    try:
        chosen = [get_recipe(id.strip()) for id in recipes.split(",") if id.strip()]
    except UnknownRecipe as error:
        raise typer.BadParameter(error.sentence(lang), param_hint="--recipes") from None
    if len({recipe.id for recipe in chosen}) < 2:
        raise typer.BadParameter("name two recipes or more, with commas between", param_hint="--recipes")
    return chosen


def _limit(chosen: list[Recipe], text: str | None) -> MaxLength:
    try:
        numbers = None if text is None else tuple(int(part) for part in text.split(","))
        limit: Any = numbers[0] if numbers is not None and len(numbers) == 1 else numbers
        for recipe in chosen:
            check_max_length(recipe, limit_for(recipe, limit))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--max-length") from None
    return limit  # type: ignore[no-any-return]  # check_max_length refuses anything else


# ---------------------------------------------------------------------------------------------------------------------


def _show_error(error: Glm4vizError, number: int, record: Conversation | ReadError, as_json: bool, lang: str) -> None:
    if as_json:
        say({"record": number, "line": record.line, "error": type(error).__name__, "sentence": error.sentence(lang)})
        return
    place = error.where() if isinstance(error, ReadError) else f"record {number}" + (f", line {record.line}" if record.line else "")
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]✗ {escape(place)}[/] {escape(error.sentence(lang))}")


def _show(console: Console, found: Comparison, lang: str) -> None:
    for id, error in found.errors.items():
        console.print(f"[bold red]✗ {escape(id)}[/] {escape(error.sentence(lang))}")
    for sentence in found.sentences(lang):
        console.print(Text("• " + sentence))
    if not found.ids:
        console.print()
        return
    table = Table("", "recipe", "tokens", "trained", "answers", "stop tokens taught", "GLM-4 stops", "also trained")
    for number, id in enumerate(found.ids, 1):
        row = verdict_row(found, id)
        table.add_row(
            str(number),
            id,
            str(row["tokens"]),
            str(row["trained"]),
            f"{row['answers_trained']}/{row['answers']}",
            Text(f"{' '.join(row['stop_tokens']) or '-'} ({row['stops_trained']}/{row['stops']})"),
            {True: "yes", False: "no", None: "-"}[row["generation_stops"]],
            ", ".join(role for role in row["text_trained"] if role != "assistant") or "-",
        )
    console.print(table)
    _show_differing(console, found)
    console.print()


def verdict_row(found: Comparison, id: str) -> dict[str, Any]:
    """One recipe's verdict in plain values. generation_stops is None where no stop is taught."""
    verdict: Verdict = found.verdicts[id]
    ends = [turn for turn in verdict.turns if turn.state != "empty" and not turn.hands_over]
    taught = [turn for turn in ends if turn.stop_trained]
    return {
        "tokens": verdict.tokens,
        "trained": verdict.trained,
        "answers": len(answer_numbers(found)),
        "answers_trained": sum(map(is_learned, verdict.turns)),
        "stops": len(ends),
        "stops_trained": len(taught),
        "stop_tokens": list(dict.fromkeys(turn.stop_name for turn in taught)),
        "generation_stops": all(turn.generation_stops for turn in taught) if taught else None,
        "text_trained": [role for role, text in verdict.text.items() if text.trained],
    }


def _show_differing(console: Console, found: Comparison) -> None:
    """One line a stretch or slot that differs: a sign for each recipe, then the text."""
    rows, at = found.rows, found.rows.stretches().tolist()
    lines: list[tuple[int, Text]] = []
    for first, last in zip(at, [*at[1:], len(rows)], strict=True):
        row = rows[first]
        if len(set(row.states.values())) > 1:
            text = rows.contents[row.message][row.start : int(rows.stop[last - 1])].decode("utf-8", "backslashreplace")
            lines.append((row.message, _line(row, f"[{row.message}] {_short(text)}")))
    for slot in found.slots:
        if slot.differs:
            names = dict.fromkeys(cell.label or cell.text for cell in slot.cells.values() if cell.tokens)
            lines.append((slot.message, _line(slot, f"[{slot.message}] {slot.slot}: {' | '.join(map(_short, names))}")))
    for _, line in sorted(lines, key=lambda pair: pair[0]):
        console.print(line)


def _line(row: Any, text: str) -> Text:
    line = Text()
    for state in row.states.values():
        line.append(SIGNS[state], STYLES[state])
    return line.append("  " + text)


def _short(text: str) -> str:
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:LONGEST])
    return shown + (f"… ({len(text)})" if len(text) > LONGEST else "")


def as_dict(found: Comparison, lang: str) -> dict[str, Any]:
    """All of one comparison; neighbouring rows of equal states are one."""
    rows, at = found.rows, found.rows.stretches().tolist()
    joined: list[Row] = []
    for first, last in zip(at, [*at[1:], len(rows)], strict=True):
        row, stop = rows[first], int(rows.stop[last - 1])
        joined.append(row._replace(stop=stop, bytes=rows.contents[row.message][row.start : stop]))
    return {
        "recipes": list(found.recipes),
        "errors": {id: error.sentence(lang) for id, error in found.errors.items()},
        "sentences": found.sentences(lang),
        "verdicts": {id: verdict_row(found, id) for id in found.ids},
        "equal_masks": found.equal_masks(),
        "rows": [{"message": row.message, "start": row.start, "stop": row.stop, "text": row.text, "states": row.states} for row in joined],
        "slots": [
            {"message": slot.message, "slot": slot.slot, "cells": {id: cell._asdict() for id, cell in slot.cells.items()}}
            for slot in found.slots
        ],
    }
