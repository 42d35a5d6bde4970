"""glm4viz compare: what two or more recipes make of the same conversations."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from glm4viz.cli.choice import PAIR, choose_for, choose_several
from glm4viz.cli.files import must_be_there
from glm4viz.cli.label import parity_as_dicts
from glm4viz.cli.options import ConfigOption, FileArgument, Json, Language, MaxLengthOption, say
from glm4viz.cli.records import each_record
from glm4viz.comparison.alignment import Row
from glm4viz.comparison.compared import Comparison, compare
from glm4viz.comparison.taught import answer_numbers, is_learned
from glm4viz.conversation import Conversation
from glm4viz.inference.parity import served_parity
from glm4viz.reading.verdict import Verdict
from glm4viz.texts import Text as Words
from glm4viz.texts import fill, printable

# A state is told by its sign, not by its colour alone.
SIGNS = {"trained": "■", "masked": "·", "differs": "▨", "absent": " "}
STYLES = {"trained": "bold green", "masked": "dim", "differs": "bold magenta", "absent": "dim"}
_LEAVES: Words = {
    "en": "{recipe} leaves the prompt of {template} at messages[{message}], token {token}.",
    "zh": "{recipe} 在 messages[{message}]、第 {token} 个 token 处偏离 {template} 的提示。",
}
LONGEST = 60  # characters of a stretch of text that are printed


def command(
    file: FileArgument,
    recipes: Annotated[
        str | None,
        typer.Option(
            help="Recipe ids with commas between, see `glm4viz recipes`; a config's recipe joins them, or is compared with glm4.",
            show_default=",".join(PAIR),
        ),
    ] = None,
    max_length: MaxLengthOption = None,
    config: ConfigOption = None,
    as_json: Json = False,
    lang: Language = "en",
) -> None:
    """Hold recipes against the first of them: sentences, a verdict each, and the stretches that differ.

    ■ trained, ▨ trained but with another label, · masked, blank: dropped, rewritten or cut.
    """
    chosen, limit = choose_several(recipes, max_length, config, lang)
    must_be_there([file])
    console = Console(highlight=False, soft_wrap=True)

    def show(number: int, conversation: Conversation) -> bool:
        asked = recipes is not None or config is not None
        found = compare(conversation, chosen if asked else choose_for(conversation, chosen), max_length=limit)
        if as_json:
            say({"record": number} | as_dict(found, lang))
        else:
            console.print(f"[bold]record {number}[/]")
            _show(console, found, lang)
        return not found.errors

    each_record(file, show, as_json, lang)


# ---------------------------------------------------------------------------------------------------------------------


def _show(console: Console, found: Comparison, lang: str) -> None:
    for id, error in found.errors.items():
        console.print(f"[bold red]✗ {escape(id)}[/] {escape(printable(error.sentence(lang)))}")
    for sentence in found.sentences(lang):
        console.print(Text(printable("• " + sentence)))
    for sentence in _leaving(found, lang):
        console.print(Text(printable("≠ " + sentence)))
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
            Text(printable(f"{' '.join(row['stop_tokens']) or '-'} ({row['stops_trained']}/{row['stops']})")),
            {True: "yes", False: "no", None: "-"}[row["generation_stops"]],
            Text(printable(", ".join(role for role in row["text_trained"] if role != "assistant") or "-")),
        )
    console.print(table)
    _show_differing(console, found)
    console.print()


def _leaving(found: Comparison, lang: str) -> Iterator[str]:
    """Where each recipe's sample first isn't what a server feeds before an answer."""
    for id, sample in found.samples.items():
        left = next((answer for answer in served_parity(sample) or () if not answer.same), None)
        if left is not None:
            words = {"recipe": id, "template": sample.recipe.served, "message": left.message_index, "token": left.position}
            yield fill(_LEAVES, **words)[lang]


def verdict_row(found: Comparison, id: str) -> dict[str, Any]:
    """One recipe's verdict in plain values. generation_stops is None where no stop is taught, parity where no server's template is known."""
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
        "parity": parity_as_dicts(served_parity(found.samples[id])),
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
    return printable(text[:LONGEST]) + (f"… ({len(text)})" if len(text) > LONGEST else "")


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
