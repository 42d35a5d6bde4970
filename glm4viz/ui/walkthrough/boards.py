"""What the boards show, as plain data. They read the steps and never make a mask of their own."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from glm4viz.layout import PARTS
from glm4viz.reading.reasons import ORDER, REASONS, reasons
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.rows.collator import Collated
from glm4viz.tokenizer import VOCABULARY_SIZE, Tokenizer
from glm4viz.ui.i18n import language, t
from glm4viz.walkthrough.steps import Step, Way, boundaries, code_of, mask_before_shift, shift_in_model

Board = dict[str, Any]
Item = dict[str, Any]
SHOWN, SHOWN_ROWS, LONGEST_CHIP = 150, 120, 24
VISIBLE = {"\n": "↵", "\t": "→", "\r": "␍", "\u3000": "□"}


def chip(tokenizer: Tokenizer, token: int) -> Item:
    """A token as the reader sees it: a special one by its name, white space visible, part of a character as bytes."""
    data = tokenizer.token_bytes(token)
    if token >= VOCABULARY_SIZE:
        return {"text": data.decode("utf-8", "replace"), "kind": "special"}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"text": data.hex(" ").upper(), "kind": "bytes"}
    bare = text.strip(" ")
    start = text.index(bare) if bare else len(text)
    text = "·" * start + bare + "·" * (len(text) - start - len(bare))
    text = "".join(VISIBLE.get(c, c if c.isprintable() else f"\\u{ord(c):04x}") for c in text)
    return {"text": text if len(text) <= LONGEST_CHIP else text[: LONGEST_CHIP - 1] + "…", "kind": ""}


def window(stop: int, near: Sequence[int], limit: int = SHOWN) -> list[int]:
    """Which of the positions 0 … stop - 1 to show: all that fit, those nearest to what matters first. No gap is a single token."""
    if stop <= limit:
        return list(range(stop))
    anchors = np.unique(np.clip([0, *near], 0, stop - 1))[: limit // 4]
    position = np.arange(stop)
    at = np.clip(np.searchsorted(anchors, position), 0, len(anchors) - 1)
    distance = np.minimum(np.abs(position - anchors[at]), np.abs(position - anchors[np.maximum(at - 1, 0)]))
    shown = np.zeros(stop, bool)
    shown[np.argsort(distance, kind="stable")[:limit]] = True
    shown |= np.append(shown[1:], True) & np.insert(shown[:-1], 0, True)
    return [int(i) for i in np.flatnonzero(shown)]


# Lists ----------------------------------------------------------------------------------------------------------------


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
        cell = _mask_cell(None if mask is None or i >= len(mask) else bool(mask[i]))
        new = step.start <= i < step.stop
        return {"cells": [{"text": str(sample.input_ids[i])}, cell], "look": cell["mask"], "state": "new" if new else ""}

    rows = [t("walk.row.ids"), t("walk.row.mask")]
    legend = [] if waits else [("trained", t("walk.legend.on")), ("masked", t("walk.legend.off"))]
    groups = _groups(sample, shown, step.stop, mark, new=(step.start, step.stop))
    return _board(step, groups, rows, legend, animate="grow")


def _shift(step: Step) -> Board:
    sample = step.sample
    before, changed = mask_before_shift(sample), {b.position: b for b in boundaries(sample)}
    near = list(changed) or [i for i, part in enumerate(sample.part_codes) if part == PARTS.index("role_tag")]
    shown = window(len(sample), near)
    appended = step.kind == "append"

    def mark(i: int) -> Item:
        first = None if i >= len(before) or (appended and i == len(sample) - 1) else bool(before[i])
        after = bool(sample.trained[i])
        found = {"cells": [_mask_cell(first), _mask_cell(after)], "look": _look(after), "state": ""}
        if i in changed:
            name = "–" if first is None else "T" if first else "F"
            found |= {"state": "boundary", "flag": f"{name}→{'T' if after else 'F'}"}
        return found

    rows = [t("walk.row.before"), t("walk.row.after")]
    legend = [("trained", t("walk.legend.on")), ("masked", t("walk.legend.off"))]
    board = _board(step, _groups(sample, shown, len(sample), mark), rows, legend, animate="" if appended else "shift")
    return board | {"order": shown}


def _labels(step: Step) -> Board:
    sample = step.sample
    shown = window(len(sample), [len(sample) - 1, *np.flatnonzero(np.diff(sample.trained)).tolist()])

    def mark(i: int) -> Item:
        label = int(sample.labels[i])
        cells = [{"text": str(sample.input_ids[i])}, {"text": str(label).replace("-", "−"), "look": "off" if label == IGNORE else "on"}]
        return {"cells": cells, "look": _look(label != IGNORE), "state": ""}

    return _board(step, _groups(sample, shown, len(sample), mark), [t("walk.row.ids"), t("walk.row.labels")], _trained_legend())


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
    board = _board(step, _groups(sample, shown, step.stop, mark, first=shown[0]), [], [])
    return board | {"question": {"moral": _moral(step)}}


def _moral(step: Step) -> str:
    trained = step.sample.trained[step.start : step.stop]
    if step.question != "answer":
        return t(f"walk.moral.{step.question}_{'yes' if trained[0] else 'no'}", tag=first_token(step))
    usual = not trained[0] and trained[1:].all()
    return t(f"walk.moral.{'answer' if usual else 'answer_other' if trained.any() else 'answer_out'}")


def first_token(step: Step) -> str:
    """The name of the first new token."""
    return str(chip(step.sample.tokenizer, int(step.sample.input_ids[step.start]))["text"])


def _board(step: Step, groups: list[Item], rows: list[str], legend: Sequence[tuple[str, str]], *, animate: str = "") -> Board:
    names = ("again", "check", "show", "retry", "picked", "yes", "no", "all_right", "some_right")
    # The key tells one sample's step from another's, so that only a new one is animated and answers stay with their question.
    key = f"{step.kind}-{step.question}-{step.start}-{step.sample.recipe.id}-{hash(step.sample.input_ids.tobytes())}"
    return {
        "scene": "lists",
        "key": key,
        "groups": groups,
        "rows": rows,
        "legend": list(legend),
        "animate": animate,
        "texts": {name: t(f"walk.board.{name}") for name in names},
    }


def _groups(
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


def _mask_cell(value: bool | None) -> Item:
    if value is None:
        return {"text": "–", "look": "none", "mask": ""}
    return {"text": "T" if value else "F", "look": "on" if value else "off", "mask": _look(value)}


def _look(trained: bool) -> str:
    return "trained" if trained else "masked"


def _trained_legend() -> list[tuple[str, str]]:
    return [("trained", t("walk.legend.trained")), ("masked", t("walk.legend.masked"))]


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
            look = "" if here[i] else _look(label != IGNORE)
            found = chip(one.tokenizer, int(batch.input_ids[row, i]))
            items.append({"i": row * width + i, **found, "cells": cells, "look": look, "state": "pad" if here[i] else ""})
        if at < width:
            items.append({"more": t("walk.more", count=f"{width - at:,}")})
        name = t(f"walk.padding.row_{row}")
        note = t("walk.padding.note", tokens=len(one), pads=int(here.sum()))
        groups.append({"name": name, "role": "none", "note": note, "state": "", "items": items})
    return _board(step, groups, [t("walk.row.attention"), t("walk.row.labels")], _trained_legend()) | {
        "flat": t("walk.padding.batch"),
        "end": pads_right,
    }


# Tables ---------------------------------------------------------------------------------------------------------------


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


# Source ---------------------------------------------------------------------------------------------------------------


def source_board(step: Step) -> Board:
    """The lines of code that do this step."""
    listings = [found._asdict() for found in code_of(step)]
    return {"scene": "source", "key": step.kind, "listings": listings, "lit": t("walk.lit")}


def shown_json(message: object, limit: int = 500) -> str:
    """A message as the data file has it, cut where it is long."""
    text = json.dumps(message, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]} … {t('walk.more_characters', count=f'{len(text) - limit:,}')}"


def shown_text(text: str, limit: int = 500) -> str:
    return text if len(text) <= limit else f"{text[:limit]} … {t('walk.more_characters', count=f'{len(text) - limit:,}')}"
