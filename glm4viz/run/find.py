"""Messages and roles, found in a row of ids by the tokenizer's own role tags."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glm4viz.labelling.places import place
from glm4viz.layout import PART_CODES
from glm4viz.recipe import IGNORE, Floats, Mask
from glm4viz.run.families import FAMILIES, Family
from glm4viz.run.turns import Mark, Segment, Turns
from glm4viz.systems.captured import CAPTURED
from glm4viz.texts import Text, both
from glm4viz.tokenizer import Ids, Tokenizer

NO_ROLES = both(
    "No role tags that are known stand in this sequence: who speaks, and which label teaches an answer, can't be told. Everything stands "
    "outside messages.",
    "这条序列里没有已知的角色标签：无法判断谁在说话，也无法判断哪个标签在教回答。所有内容都算作消息之外。",
)
_BROKEN = both(
    "Some bytes of message {messages} are no whole character, at a cut or by the tokenizer's making; they are among its tokens, and not in its text.",
    "消息 {messages} 中有些字节不构成完整字符（被截断，或来自分词器）；它们在 token 里，不在文本里。",
)


def found_in(tokenizer: Tokenizer, ids: Ids, labels: Ids, pad: Mask, weights: Floats | None) -> dict[str, Any]:
    """All that a CapturedSample holds but its place in the batch. pad: tokens that nothing attends to, and that carry labels even so."""
    real = np.flatnonzero(~pad)
    sizes = tokenizer.token_sizes(ids[real]).astype(np.int64)
    stops = np.cumsum(sizes)
    family, turns = _read(tokenizer, ids[real], stops)
    message_index, spans = np.full(len(ids), -1, np.int32), np.full((len(ids), 2), -1, np.int32)
    part_codes = np.full(len(ids), PART_CODES["padding"], np.uint8)
    teaches = np.full(len(ids), -1, np.int32)
    if turns.segments:
        columns = np.array([(s.stop, s.message, PART_CODES[s.part], s.content) for s in turns.segments], np.int64).T
        message_index[real], part_codes[real], spans[real] = place(stops - sizes, stops, *columns)
        taught = np.array([s.message if s.teaches is None else s.teaches for s in turns.segments], np.int32)
        teaches[real] = taught[np.minimum(np.searchsorted(columns[0], stops - sizes, side="right"), len(taught) - 1)]
    count = len(turns.messages)
    return {
        "recipe": CAPTURED if family is None else replace(CAPTURED, stops=_stops(family, tokenizer), form=family.form),
        "tokenizer": tokenizer,
        "messages": turns.messages,
        "input_ids": ids,
        "labels": labels,
        "message_index": message_index,
        "owner": np.where(labels == IGNORE, -1, teaches).astype(np.int32),
        "part_codes": part_codes,
        "spans": spans,
        "pieces": _pieces(tokenizer, ids),
        "full_sizes": np.bincount(message_index % (count + 1), minlength=count + 1).astype(np.int32),
        "tools": turns.tools,
        "label_weights": weights,
        "notes": tuple(_notes(turns)),
    }


def _stops(family: Family, tokenizer: Tokenizer) -> tuple[str, ...]:
    """The tokens at which a model of this family stops, as far as its tokenizer has them."""
    return tuple(name for name in family.stops if name in tokenizer.special_ids) or family.stops


def _notes(turns: Turns) -> list[Text]:
    notes = [] if turns.messages else [NO_ROLES]
    if turns.broken:
        shown = ", ".join(map(str, turns.broken[:8]))
        notes.append({language: said.format(messages=shown) for language, said in _BROKEN.items()})
    return notes


def _pieces(tokenizer: Tokenizer, ids: Ids) -> Ids:
    """int32 [T]: every special token by itself, and what stands between two of them together."""
    special = np.isin(ids, list(tokenizer.named_ids.values()))
    starts = special | np.concatenate([[True], special[:-1]])[: len(ids)]
    return (np.cumsum(starts) - 1).astype(np.int32)


def _read(tokenizer: Tokenizer, ids: Ids, stops: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[Family | None, Turns]:
    """The family whose tags the row has, and its turns; without one, what is text and what is special."""
    data = b"".join(tokenizer.all_bytes(ids))
    names = {i: name for name, i in tokenizer.named_ids.items()}
    at = np.flatnonzero(np.isin(ids, list(names)))
    marks = [Mark(int(stops[i]) - len(names[id].encode()), int(stops[i]), names[id]) for i, id in zip(at, ids[at].tolist(), strict=True)]
    family = choose_family(tokenizer, marks, data)
    if family is None:
        return None, _divided(data, marks)
    marks = [mark for mark in marks if mark.name in family.marks]
    if family.plain:
        tags = re.compile("|".join(re.escape(tag) for tag in (*family.tags, *family.closes)).encode())
        marks = sorted([*marks, *(Mark(match.start(), match.end(), match[0].decode()) for match in tags.finditer(data))])
    return family, Turns(family, data).read(marks)


def choose_family(tokenizer: Tokenizer, marks: Sequence[Mark], data: bytes) -> Family | None:
    """The family of whose opening tags the row has most, among those that this tokenizer may write."""
    fitting = [family for family in FAMILIES if family.fits(tokenizer.named_ids)]
    counts = [
        sum(data.count(tag.encode()) for tag in family.openers) if family.plain else sum(mark.name in family.openers for mark in marks)
        for family in fitting
    ]
    best = max(range(len(fitting)), key=counts.__getitem__, default=-1)
    return fitting[best] if best >= 0 and counts[best] else None


def _divided(data: bytes, marks: Sequence[Mark]) -> Turns:
    """Where no role can be told: special tokens, and what they divide."""
    turns = Turns(FAMILIES[0], data)
    at = 0
    for mark in marks:
        if mark.start > at:
            turns.segments.append(Segment("content", -1, mark.start))
        if mark.stop > max(at, 0):
            turns.segments.append(Segment("separator" if turns.segments else "prefix", -1, mark.stop))
        at = mark.stop
    if len(data) > at:
        turns.segments.append(Segment("content", -1, len(data)))
    return turns
