"""What the boards of lists show, as plain data. They read the steps and never make a mask of their own."""

import numpy as np

from glm4viz.layout import PARTS
from glm4viz.reading.reasons import ORDER, REASONS, reasons
from glm4viz.recipe import IGNORE
from glm4viz.rows.collator import Collated
from glm4viz.ui.i18n import language, t
from glm4viz.ui.walkthrough.chips import Item, chip, first_token, window
from glm4viz.ui.walkthrough.lists import Board, groups_of, lists_board, look, mask_cell, trained_legend
from glm4viz.walkthrough.steps import Step, boundaries, mask_before_shift


def step_board(step: Step) -> Board | None:
    """The lists of a step that builds, shifts, labels or cuts; None where another board belongs."""
    match step.kind:
        case "predict":
            return _predict(step)
        case "prefix" | "message" | "mask" | "end":
            return _growing(step)
        case "shift" | "append":
            return _shift(step)
        case "labels" | "cut":
            return _labels(step)
    return None


def _growing(step: Step) -> Board:
    sample, mask = step.sample, step.mask
    shown = window(step.stop, [step.start - 1, step.start, step.stop - 1])
    waits = step.kind == "message" and mask is None  # combine makes its mask later

    def mark(i: int) -> Item:
        cell = mask_cell(None if mask is None or i >= len(mask) else bool(mask[i]))
        new = step.start <= i < step.stop
        return {"cells": [{"text": str(sample.input_ids[i])}, cell], "look": cell["mask"], "state": "new" if new else ""}

    rows = [t("walk.row.ids"), t("walk.row.mask")]
    legend = [] if waits else [("trained", t("walk.legend.on")), ("masked", t("walk.legend.off"))]
    groups = groups_of(sample, shown, step.stop, mark, new=(step.start, step.stop))
    return lists_board(step, groups, rows, legend, animate="grow")


def _shift(step: Step) -> Board:
    sample = step.sample
    before, changed = mask_before_shift(sample), {b.position: b for b in boundaries(sample)}
    near = list(changed) or [i for i, part in enumerate(sample.part_codes) if part == PARTS.index("role_tag")]
    shown = window(len(sample), near)
    appended = step.kind == "append"

    def mark(i: int) -> Item:
        first = None if i >= len(before) or (appended and i == len(sample) - 1) else bool(before[i])
        after = bool(sample.trained[i])
        found = {"cells": [mask_cell(first), mask_cell(after)], "look": look(after), "state": ""}
        if i in changed:
            name = "–" if first is None else "T" if first else "F"
            found |= {"state": "boundary", "flag": f"{name}→{'T' if after else 'F'}"}
        return found

    rows = [t("walk.row.before"), t("walk.row.after")]
    legend = [("trained", t("walk.legend.on")), ("masked", t("walk.legend.off"))]
    board = lists_board(step, groups_of(sample, shown, len(sample), mark), rows, legend, animate="" if appended else "shift")
    return board | {"order": shown}


def _labels(step: Step) -> Board:
    sample = step.sample
    shown = window(len(sample), [len(sample) - 1, *np.flatnonzero(np.diff(sample.trained)).tolist()])

    def mark(i: int) -> Item:
        label = int(sample.labels[i])
        cells = [{"text": str(sample.input_ids[i])}, {"text": str(label).replace("-", "−"), "look": "off" if label == IGNORE else "on"}]
        return {"cells": cells, "look": look(label != IGNORE), "state": ""}

    return lists_board(step, groups_of(sample, shown, len(sample), mark), [t("walk.row.ids"), t("walk.row.labels")], trained_legend())


def _predict(step: Step) -> Board:
    sample, lang = step.sample, language()
    found = reasons(sample)
    index = sample.message_index
    context = step.start  # what is asked about stands after the message before it
    while context > 0 and index[context - 1] == index[step.start - 1]:
        context -= 1
    asked_from = context if step.question == "answer" else step.start
    asked = window(step.stop - asked_from, [step.start - asked_from, step.stop - 1 - asked_from], 60)
    before = list(range(max(context, asked_from - 30), asked_from))

    def mark(i: int) -> Item:
        if i < asked_from:
            return {"cells": [], "look": "", "state": ""}
        return {"cells": [], "look": "", "state": "", "truth": bool(sample.trained[i]), "reason": REASONS[ORDER[found[i]]][lang]}

    shown = [*before, *(i + asked_from for i in asked)]
    board = lists_board(step, groups_of(sample, shown, step.stop, mark, first=shown[0]), [], [])
    return board | {"question": {"moral": _moral(step)}}


def _moral(step: Step) -> str:
    trained = step.sample.trained[step.start : step.stop]
    if step.question != "answer":
        return t(f"walk.moral.{step.question}_{'yes' if trained[0] else 'no'}", tag=first_token(step))
    usual = not trained[0] and trained[1:].all()
    return t(f"walk.moral.{'answer' if usual else 'answer_other' if trained.any() else 'answer_out'}")


def padding_board(step: Step, batch: Collated) -> Board:
    """Two rows of one length: the padding, and how the texts end at the same place."""
    groups = []
    width, pads_right = batch.shape[1], bool(batch.padding[:, -1].any())
    edges = np.flatnonzero(np.diff(batch.padding).any(0)).tolist()
    shown = window(width, [*edges, *(i + 1 for i in edges), width - 1], 60)  # the same positions in both rows
    for row, one in enumerate(batch.samples):
        here = batch.padding[row]
        items: list[Item] = []
        at = 0
        for i in shown:
            if i > at:
                items.append({"more": t("walk.more", count=f"{i - at:,}")})
            at = i + 1
            label = int(batch.labels[row, i])
            cells = [
                {"text": str(int(batch.attention_mask[row, i]))},
                {"text": str(label).replace("-", "−"), "look": "off" if label == IGNORE else "on"},
            ]
            shade = "" if here[i] else look(label != IGNORE)
            found = chip(one.tokenizer, int(batch.input_ids[row, i]))
            items.append({"i": row * width + i, **found, "cells": cells, "look": shade, "state": "pad" if here[i] else ""})
        if at < width:
            items.append({"more": t("walk.more", count=f"{width - at:,}")})
        name = t(f"walk.padding.row_{row}")
        note = t("walk.padding.note", tokens=len(one), pads=int(here.sum()))
        groups.append({"name": name, "role": "none", "note": note, "state": "", "items": items})
    return lists_board(step, groups, [t("walk.row.attention"), t("walk.row.labels")], trained_legend()) | {
        "flat": t("walk.padding.batch"),
        "end": pads_right,
    }
