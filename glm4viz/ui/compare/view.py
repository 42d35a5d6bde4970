"""The compare view: one conversation with a line below the text for each recipe, like the lines of a stave.

The browser (`web/compare/`) gets one blob of typed arrays, as the token view does.
"""

import numpy as np

from glm4viz.comparison.compared import Comparison
from glm4viz.comparison.slots import SLOTS, STATES, Cell
from glm4viz.locales import texts
from glm4viz.ui.i18n import language, t
from glm4viz.ui.web import component
from glm4viz.ui.web.token_view.wire import pack

WORDS = "compare_view."  # what the keys of the view's texts begin with
LONGEST = 1_500  # characters of a tools text, or of one that a recipe writes anew

_component = component("compare_view")


def compare_view(found: Comparison, *, key: str) -> None:
    """Show the view. Pointing, filtering and pinning stay in the browser and cause no rerun."""
    _component(data=encode(found), key=key)


def encode(found: Comparison) -> bytes:
    """The blob: contents as bytes, the stretches of equal states, and each slot's cells; equal cells are sent once."""
    rows, at = found.rows, found.rows.stretches()
    bases = np.cumsum([0, *map(len, rows.contents)])
    cells: dict[tuple[int, str, str, int, int], int] = {}
    kinds, cell_of = [], []
    tags = {slot.message: slot.cells for slot in found.slots if slot.slot == "tag"}
    for slot in found.slots:
        # What follows a question is shown with the answer whose tag it is.
        if slot.slot == "end" and slot.cells == tags.get(slot.message + 1) and found.messages[slot.message]["role"] != "assistant":
            continue
        kinds.append((slot.message, SLOTS.index(slot.slot), slot.differs))
        cell_of += [cells.setdefault(_plain(cell), len(cells)) for cell in slot.cells.values()]
    arrays = {
        "text": np.frombuffer(b"".join(rows.contents), np.uint8),
        "bases": bases.astype(np.int32),
        "starts": (rows.start[at] + bases[rows.message[at]]).astype(np.int32),
        "messages": rows.message[at].astype(np.int32),
        "states": np.ascontiguousarray(rows.states[at]).reshape(-1),
        "slots": np.array(kinds, np.int32).reshape(-1),
        "cell_of": np.array(cell_of, np.int32),
    }
    roles = [str(message["role"]) for message in found.messages]
    header = {
        "ids": list(found.ids),
        "cells": list(cells),
        "roles": roles,
        "role_texts": {role: t(f"role.{role}") for role in ("", *set(roles))},
        "states": [t(f"compare_view.{state}") for state in STATES],
        "slot_names": [t(f"compare_view.{slot}") for slot in SLOTS],
        "stop_names": sorted({name for recipe in found.recipes.values() for name in recipe.stops}),
        "texts": {key.removeprefix(WORDS): text for key, text in texts(language()).items() if key.startswith(WORDS)},
        "language": language(),
    }
    return pack(header, arrays)


def _plain(cell: Cell) -> tuple[int, str, str, int, int]:
    def short(text: str) -> str:
        return text if len(text) <= LONGEST else text[:LONGEST] + "…"

    label = "" if cell.label == cell.text else short(cell.label)
    return STATES.index(cell.state), short(cell.text), label, cell.tokens, cell.trained
