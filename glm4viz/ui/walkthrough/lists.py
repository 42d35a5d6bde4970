"""The frame of a board of lists: the tokens in groups, message by message, and what the lists hold for each."""

from collections.abc import Callable, Sequence
from typing import Any

from glm4viz.layout import PARTS
from glm4viz.recipe import LabelledSample
from glm4viz.ui.i18n import t
from glm4viz.ui.walkthrough.chips import Item, chip
from glm4viz.walkthrough.steps import Step

Board = dict[str, Any]


def lists_board(step: Step, groups: list[Item], rows: list[str], legend: Sequence[tuple[str, str]], *, animate: str = "") -> Board:
    # The key tells one sample's step from another's, so that only a new one is animated and answers stay with their question.
    key = f"{step.kind}-{step.question}-{step.start}-{step.sample.recipe.id}-{hash(step.sample.input_ids.tobytes())}"
    return framed(key, groups, rows, legend, animate=animate)


def framed(key: str, groups: list[Item], rows: list[str], legend: Sequence[tuple[str, str]], *, animate: str = "") -> Board:
    names = ("again", "check", "show", "retry", "picked", "yes", "no", "all_right", "some_right")
    return {
        "scene": "lists",
        "key": key,
        "groups": groups,
        "rows": rows,
        "legend": list(legend),
        "animate": animate,
        "texts": {name: t(f"walk.board.{name}") for name in names},
    }


def groups_of(
    sample: LabelledSample,
    shown: Sequence[int],
    total: int,
    mark: Callable[[int], Item],
    *,
    new: tuple[int, int] = (-1, -1),
    first: int = 0,
) -> list[Item]:
    """The tokens shown, message by message, with how many are left out between them."""
    groups: list[Item] = []
    at, group = first, -2
    for i in shown:
        message = int(sample.message_index[i])
        # One group goes on while the message does; what stands outside messages is prefix or end.
        if message != group or (message < 0 and i != at):
            group = message
            groups.append(_group(sample, i, new[0] <= i < new[1]))
        if i > at:
            groups[-1]["items"].append({"more": t("walk.more", count=f"{i - at:,}")})
        groups[-1]["items"].append({"i": i, **chip(sample.tokenizer, int(sample.input_ids[i])), **mark(i)})
        at = i + 1
    if at < total and groups:
        groups[-1]["items"].append({"more": t("walk.more", count=f"{total - at:,}")})
    return groups


def _group(sample: LabelledSample, i: int, new: bool) -> Item:
    message = int(sample.message_index[i])
    role = str(sample.messages[message]["role"]) if message >= 0 else ""
    name = f"{t(f'role.{role}')} · messages[{message}]" if role else t(f"part.{PARTS[sample.part_codes[i]]}")
    return {"name": name, "role": role or "none", "note": t("walk.new") if new else "", "state": "new" if new else "", "items": []}


def mask_cell(value: bool | None) -> Item:
    if value is None:
        return {"text": "–", "look": "none", "mask": ""}
    return {"text": "T" if value else "F", "look": "on" if value else "off", "mask": look(value)}


def look(trained: bool) -> str:
    return "trained" if trained else "masked"


def trained_legend() -> list[tuple[str, str]]:
    return [("trained", t("walk.legend.trained")), ("masked", t("walk.legend.masked"))]
