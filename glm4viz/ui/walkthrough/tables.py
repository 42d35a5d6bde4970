"""The tables: what each position is compared with, and what each way makes of the conversation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from glm4viz.recipe import IGNORE
from glm4viz.ui.i18n import language, t
from glm4viz.ui.walkthrough.chips import Item, chip
from glm4viz.ui.walkthrough.lists import Board
from glm4viz.walkthrough.steps import Step
from glm4viz.walkthrough.training import shift_in_model
from glm4viz.walkthrough.ways import Way

SHOWN_ROWS = 120


def pairs_board(step: Step, losses: npt.NDArray[np.floating[Any]] | None = None, *, numbers: bool = False) -> Board:
    """logits[t] beside labels[t + 1]; with numbers, what each costs. Neighbours without a label share a row."""
    sample = step.sample
    rows: list[Item] = []
    skipped, counted = 0, 0
    pairs = shift_in_model(sample.input_ids, sample.labels)
    top = max(float(np.max(losses)), 1.0) if losses is not None and len(losses) else 1.0

    def skip(position: int) -> None:
        if skipped:
            key = "walk.pairs.zero" if numbers else "walk.pairs.skipped"
            rows.append({"more": t(key, first=position - skipped, last=position - 1, count=skipped)})

    for position, (read, target) in enumerate(pairs):
        if target == IGNORE:
            skipped += 1
            continue
        skip(position)
        skipped = 0
        counted += 1
        if counted > SHOWN_ROWS:
            rest = sum(label != IGNORE for _, label in pairs[position:])
            rows.append({"more": t("walk.more", count=f"{rest:,}")})
            break
        cells: list[Item] = [{"text": str(position)}, chip(sample.tokenizer, read), chip(sample.tokenizer, target)]
        for cell in cells[1:]:
            cell["kind"] = cell["kind"] or "plain"
        if numbers:
            loss = None if losses is None else float(losses[position])
            cells.append({"text": "–" if loss is None else _probability(loss)})
            cells.append({"text": "–"} if loss is None else {"text": f"{loss:.3f}", "bar": loss / top})
        rows.append({"look": "trained", "cells": cells})
    else:
        skip(len(pairs))
    head = [t("walk.pairs.t"), t("walk.pairs.read"), t("walk.pairs.target")]
    if numbers:
        head += [t("walk.pairs.p"), t("walk.pairs.loss")]
    return {"scene": "table", "key": step.kind, "name": t("walk.pairs.name"), "head": head, "rows": rows}


def _probability(loss: float) -> str:
    p = float(np.exp(-loss))
    return f"{p:.1%}" if p >= 0.001 else f"{p:.0e}"


def ways_board(found: Sequence[Way], chosen: str) -> Board:
    """What each way makes of the conversation, and what it loses."""
    base = found[0]
    rows = []
    for way in found:
        name = t(f"walk.way.{way.recipe}") + (f" ◀ {t('walk.ways.chosen')}" if way.recipe == chosen else "")
        cells = [name, loses(way, base)]
        if way.rejected:
            cells += ["–"] * 4
        else:
            passes = t("walk.ways.passes", sequences=way.sequences, tokens=f"{way.tokens:,}")
            cells += [f"{way.trained:,}", f"{way.answers - way.unused} / {way.answers}", f"{way.stops_trained} / {way.stops}", passes]
        rows.append({"look": "trained" if way.recipe == chosen else "", "cells": [{"text": cell} for cell in cells]})
    head = [t(f"walk.ways.{name}") for name in ("way", "loses", "trained", "answers", "stops", "read")]
    return {"scene": "table", "key": "ways", "name": t("walk.ways.name"), "head": head, "rows": rows}


def loses(way: Way, base: Way) -> str:
    """One sentence or more: what this way loses against reading everything once and training every answer and its stop."""
    if way.rejected:
        return way.rejected.sentence(language())
    parts = []
    if way.unused:
        parts.append(t("walk.loses.unused", unused=way.unused, answers=way.answers))
    if way.sequences > 1:
        parts.append(t("walk.loses.passes", sequences=way.sequences, tokens=f"{way.tokens:,}", base=f"{base.tokens:,}"))
    lost = way.stops - way.stops_trained - way.unused  # the stop of an unused answer is no news
    if way.stops and not way.stops_trained:
        parts.append(t("walk.loses.no_stop"))
    elif lost > 0:
        parts.append(t("walk.loses.stops", lost=lost, stops=way.stops))
    if way.sequences == 1 and way.tokens > base.tokens and not base.rejected:
        parts.append(t("walk.loses.extra", extra=way.tokens - base.tokens))
    if way.tags_trained:
        parts.append(t("walk.loses.tags", count=way.tags_trained))
    return " ".join(parts) or t("walk.loses.nothing")
