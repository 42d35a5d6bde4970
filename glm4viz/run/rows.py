"""From rows to sequences: where a packed row is divided, and what of each sequence is padding."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from glm4viz.errors import BatchError
from glm4viz.recipe import IGNORE, Mask
from glm4viz.run.arrays import to_array, to_rows, whole_numbers
from glm4viz.run.fields import LENGTHS, LIMITS, NUMBERS, Fields, Numbers
from glm4viz.tokenizer import Tokenizer


class Padding(NamedTuple):
    """What may be padding where no attention mask tells it. pads: ids known as such; runs: ids that two or more in a row are taken for it.
    bos: may begin a sequence. ends: special tokens that may end an answer or open a message.
    """

    pads: frozenset[int]
    runs: frozenset[int]
    bos: int | None
    ends: frozenset[int]


class Stretch(NamedTuple):
    """Tokens start … stop - 1 of a row, without the padding before and after them, which is counted."""

    row: int
    segment: int
    start: int
    stop: int
    padding: tuple[int, int]


def find_stretches(fields: Fields, padding: Padding, tokenizer: Tokenizer) -> list[Stretch]:
    """Every sequence of the batch, in its order. A row of nothing but padding has none. Raises BatchError."""
    return [stretch for r, starts in enumerate(_divisions(fields)) for stretch in _of_row(fields, r, starts, padding, tokenizer)]


def _of_row(fields: Fields, r: int, starts: Mask, padding: Padding, tokenizer: Tokenizer) -> list[Stretch]:
    def edges(start: int, stop: int) -> tuple[int, int]:
        """Tokens of padding at both ends."""
        masked = fields.labels[r][start:stop] == IGNORE
        if fields.mask is not None:
            return _ends_of((fields.mask[r][start:stop] == 0) & masked)
        return _padding_of(fields.ids[r][start:stop], masked, padding, tokenizer)

    # Around the whole row first: in its padding, positions may begin anew at every token.
    left, right = edges(0, len(starts))
    first, end = left, len(starts) - right
    found: list[Stretch] = []
    for start, stop in pairwise([first, *(np.flatnonzero(starts[first + 1 : end]) + first + 1).tolist(), end]):
        before, after = edges(start, stop)
        if before < stop - start:
            found.append(Stretch(r, len(found), start + before, stop - after, (left + before, after)))
            left = 0
        elif found:  # nothing but padding: it belongs to the sequence before it, or else to the one that follows
            found[-1] = _padded(found[-1], before)
        else:
            left += before
    if found:
        found[-1] = _padded(found[-1], right)
    return found


def _padded(stretch: Stretch, more: int) -> Stretch:
    before, after = stretch.padding
    return stretch._replace(padding=(before, after + more))


# Where a row is divided -----------------------------------------------------------------------------------------------


def _divisions(fields: Fields) -> list[Mask]:
    """For each row, bool [T]: a sequence begins here. By the first of the batch's fields that can say it."""
    sizes = [len(row) for row in fields.ids]
    named = fields.batch
    if (limits := _limits(named, sum(sizes))) is not None:
        flat = np.zeros(sum(sizes) + 1, bool)
        flat[limits] = True
        rows = np.split(flat[:-1], np.cumsum(sizes)[:-1])
    elif (lengths := _lengths(named, sizes)) is not None:
        rows = [np.isin(np.arange(size), np.cumsum(own)) for size, own in zip(sizes, lengths, strict=True)]
    elif (numbers := _numbers(named, sizes)) is not None:
        rows = [_changes(row) for row in numbers]
    elif fields.mask is not None and any(row.max(initial=0) > 1 for row in fields.mask):  # 1, 1, 2, 2, …, as some collators number them
        rows = [_changes(row) for row in fields.mask]
    elif fields.positions is not None:
        rows = [_resets(row, None if fields.mask is None else fields.mask[r]) for r, row in enumerate(fields.positions)]
    else:
        rows = [np.zeros(size, bool) for size in sizes]
    for row in rows:
        row[:1] = True
    return rows


def _limits(named: Mapping[str, Any], total: int) -> Numbers | None:
    name = next((name for name in LIMITS if named.get(name) is not None), "")
    if not name:
        return None
    (limits,) = whole_numbers(name, [to_array(name, named[name]).reshape(-1)])
    if len(limits) and (limits[0] != 0 or (np.diff(limits) < 0).any() or limits[-1] > total):
        raise BatchError(
            f"{name} must go up from 0 to at most {total}, the tokens of the batch; it is {_shown(limits)}.",
            f"{name} 应从 0 开始递增，最大不超过批次的 token 数 {total}；现在是 {_shown(limits)}。",
        )
    return limits


def _lengths(named: Mapping[str, Any], sizes: list[int]) -> list[Numbers] | None:
    name = next((name for name in LENGTHS if named.get(name) is not None), "")
    if not name:
        return None
    rows = whole_numbers(name, to_rows(name, named[name]))
    if len(rows) == 1 < len(sizes) and len(rows[0]) == len(sizes):
        rows = [row.reshape(1) for row in rows[0]]  # one number for each row: how long it is without padding
    if len(rows) != len(sizes) or any((own < 0).any() or own.sum() > size for own, size in zip(rows, sizes, strict=True)):
        raise BatchError(
            f"{name} doesn't add up to the lengths of the rows, {sizes[:8]}.",
            f"{name} 与各行的长度 {sizes[:8]} 不符。",
        )
    return rows


def _numbers(named: Mapping[str, Any], sizes: list[int]) -> list[Numbers] | None:
    name = next((name for name in NUMBERS if named.get(name) is not None), "")
    if not name:
        return None
    rows = whole_numbers(name, to_rows(name, named[name]))
    return rows if [len(row) for row in rows] == sizes else None


def _changes(row: Numbers) -> Mask:
    return np.concatenate([np.ones(1, bool), row[1:] != row[:-1]])[: len(row)]


def _resets(row: Numbers, mask: Numbers | None) -> Mask:
    """Where positions begin anew. Those of one image may be all alike, so only 0 and a step down count."""
    found = (row == 0) | np.concatenate([np.zeros(1, bool), row[1:] < row[:-1]])[: len(row)]
    return np.asarray(found if mask is None else found & (mask != 0), bool)


def _shown(numbers: Numbers) -> str:
    return "[" + ", ".join(map(str, numbers[:8].tolist())) + (", …]" if len(numbers) > 8 else "]")


# What is padding ------------------------------------------------------------------------------------------------------


def _ends_of(pad: Mask) -> tuple[int, int]:
    """How many are True before the first False, and after the last; all of them count as before."""
    real = np.flatnonzero(~pad)
    return (int(real[0]), len(pad) - 1 - int(real[-1])) if len(real) else (len(pad), 0)


def _padding_of(ids: Numbers, masked: Mask, padding: Padding, tokenizer: Tokenizer) -> tuple[int, int]:
    """Padding at both ends where no attention mask tells it: masked runs of one token, and never the end that an answer may have."""
    if not len(ids):
        return 0, 0
    first, last = int(ids[0]), int(ids[-1])
    is_pad = masked & (ids == last) if last in padding.pads | padding.runs else np.zeros(len(ids), bool)
    after = len(ids) if is_pad.all() else _ends_of(is_pad)[1]
    if after == 1 and last not in padding.pads:
        after = 0  # one token makes no run
    if 0 < after < len(ids) and last in padding.ends and not _has_ended(ids[: len(ids) - after], padding, tokenizer):
        after -= 1
    if after == len(ids):
        return after, 0
    before = _ends_of(masked & (ids == first))[0] if first in padding.pads | padding.runs else 0
    if (before == 1 and first not in padding.pads) or (before and first == padding.bos):
        before -= 1
    return before, after


def _has_ended(ids: Numbers, padding: Padding, tokenizer: Tokenizer) -> bool:
    """Whether the last token that isn't white space ends an answer or opens a message."""
    for token in ids[::-1].tolist():
        if token in padding.ends:
            return True
        if not tokenizer.token_bytes(token).isspace():
            return False
    return False
