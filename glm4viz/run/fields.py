"""The fields of a batch under the names that trainers give them, with labels brought to their own tokens."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.errors import BatchError
from glm4viz.recipe import IGNORE
from glm4viz.run.arrays import Array, as_mapping, check_ids, check_lengths, to_array, to_rows, whole_numbers
from glm4viz.texts import Text, both

Numbers = npt.NDArray[np.int64]

_IDS, _LABELS = ("input_ids", "tokens"), ("labels", "target_ids", "targets")
_POSITIONS = ("position_ids", "input_pos")
_MASKS = ("loss_mask", "loss_masks", "assistant_masks", "completion_mask")  # of these, the first two weigh the loss of given labels too
_WEIGHTS = ("weights", "loss_weights", "loss_scale", "loss_scales")
LIMITS = ("cu_seq_lens_q", "cu_seq_lens", "cu_seqlens", "cu_seqlens_q", "cu_seq_lens_k")
LENGTHS = ("seq_lens", "sequence_lengths")
NUMBERS = ("seq_idx", "segment_ids", "sequence_ids")
NAMES = (*_IDS, *_LABELS, "attention_mask", *_POSITIONS, *_MASKS, *_WEIGHTS, *LIMITS, *LENGTHS, *NUMBERS)
_NO_LABELS = both(
    "The batch has neither labels nor a mask of what is trained: nothing here carries a label.",
    "批次里既没有 labels，也没有训练掩码：这里没有任何标签。",
)
_SHIFTED = both(
    "The labels of this batch were already shifted: each stood at the token before the one that it is the target for. Here they stand at "
    "their own tokens. A model that shifts them again, as those of transformers do, would train every token on the one after next.",
    "这个批次的 labels 已经移位：每个标签原来放在目标 token 的前一个位置，这里放回了它自己的 token。"
    "如果模型还会再移位一次（transformers 的模型会），每个 token 学到的就会是再下一个 token。",
)
_UNDECIDED = both(
    "The labels fit the ids both in place and shifted by one; they are taken as they stand. Say shifted=True if the collator shifts.",
    "标签按原位和按移位一个都说得通；这里按原位处理。如果整理函数会移位，请传入 shifted=True。",
)
_BIG_MASK = both(
    "attention_mask has {dims} dimensions: who attends to whom was not looked at.",
    "attention_mask 有 {dims} 个维度：没有查看哪些位置互相可见。",
)
_LOSS_MASK = both(
    "{count} labels of the batch have a loss_mask of 0: they count nothing, and are shown as masked.",
    "批次中有 {count} 个标签的 loss_mask 为 0：它们不计入 loss，这里显示为已屏蔽。",
)


class Fields(NamedTuple):
    """One array for each row: ids, labels int64 (aligned, IGNORE where masked); mask (0: padding), positions int64 and weights float32,
    None where the batch has none."""

    ids: list[Numbers]
    labels: list[Numbers]
    mask: list[Numbers] | None
    positions: list[Numbers] | None
    weights: list[npt.NDArray[np.float32]] | None
    notes: list[Text]
    batch: Mapping[str, Any]


def read_fields(batch: Any, shifted: bool | None) -> Fields:
    """What the batch holds, checked. Raises BatchError."""
    named = as_mapping(batch, NAMES)
    name, value = _first(named, _IDS)
    if value is None:
        known = ", ".join(str(key) for key in list(named)[:8]) or "–"
        raise BatchError(
            f"There are no input_ids in the batch (it has {known}). Give what the data loader yields.",
            f"批次里没有 input_ids（现有：{known}）。请给出数据加载器产出的内容。",
        )
    ids = whole_numbers(name, to_rows(name, value))
    check_ids(name, ids)
    notes: list[Text] = []
    mask = _attention(named, ids, notes)
    weights = _weights(named, ids)
    labels, weights = _labels(named, ids, weights, shifted, notes)
    return Fields(ids, labels, mask, _positions(named, ids), weights, notes, named)


def _first(named: Mapping[str, Any], names: Sequence[str]) -> tuple[str, Any]:
    return next(((name, named[name]) for name in names if name in named and named[name] is not None), ("", None))


def _attention(named: Mapping[str, Any], ids: list[Numbers], notes: list[Text]) -> list[Numbers] | None:
    value = named.get("attention_mask")
    if value is None or isinstance(value, Mapping):  # some models take a mask for each kind of layer
        return None
    dims = getattr(value, "ndim", 0)
    if dims > 2:
        notes.append({language: said.format(dims=dims) for language, said in _BIG_MASK.items()})
        return None
    rows = to_rows("attention_mask", value)
    check_lengths("attention_mask", rows, ids)
    return [np.where(row > 0, row, 0).astype(np.int64) for row in rows]


def _positions(named: Mapping[str, Any], ids: list[Numbers]) -> list[Numbers] | None:
    name, value = _first(named, _POSITIONS)
    if value is None:
        return None
    if getattr(value, "ndim", 0) == 3:  # [3 or 4, B, T] of a model with images, its first plane the text's; or ChatGLM-6B's [B, 2, T]
        array = to_array(name, value)
        value = array[0] if array.shape[1] == len(ids) and array.shape[0] in (3, 4) else array[:, 0]
    rows = whole_numbers(name, to_rows(name, value))
    if len(rows) == 1 < len(ids) and all(len(row) == len(rows[0]) for row in ids):
        rows *= len(ids)  # one row of them serves all
    check_lengths(name, rows, ids)
    return rows


def _weights(named: Mapping[str, Any], ids: list[Numbers]) -> list[npt.NDArray[np.float32]] | None:
    name, value = _first(named, _WEIGHTS)
    if value is None:
        return None
    rows = to_rows(name, value)
    if len(rows) == 1 and len(rows[0]) == len(ids) != len(ids[0]):  # one for each sequence
        rows = [np.full(len(own), weight) for own, weight in zip(ids, rows[0], strict=True)]
    check_lengths(name, rows, ids)
    return [row.astype(np.float32) for row in rows]


# Labels ---------------------------------------------------------------------------------------------------------------

_Weights = list[npt.NDArray[np.float32]] | None


def _labels(
    named: Mapping[str, Any], ids: list[Numbers], weights: _Weights, shifted: bool | None, notes: list[Text]
) -> tuple[list[Numbers], _Weights]:
    """Aligned labels and their weights; what was made of them is added to the notes."""
    name, value = _first(named, _LABELS)
    masks = {mask: to_rows(mask, named[mask]) for mask in _MASKS if named.get(mask) is not None}
    if value is None:
        return _from_masks(ids, masks, weights, shifted, notes)
    labels = whole_numbers(name, to_rows(name, value))
    check_lengths(name, labels, ids)
    check_ids(name, labels, IGNORE)
    for mask in _MASKS[:2]:
        if mask in masks:
            check_lengths(mask, masks[mask], ids)
            labels, weights = _weighed(labels, masks[mask], weights, notes)
    if shifted is None:
        shifted = _looks_shifted(ids, labels, notes)
    if shifted:
        notes.append(_SHIFTED)
        labels, beyond = _moved(labels, IGNORE)
        if lost := [label for label in beyond if label != IGNORE]:
            notes.append(_beyond(lost))
        weights = None if weights is None else _moved(weights, 0)[0]
    return labels, weights


def _from_masks(
    ids: list[Numbers], masks: Mapping[str, list[Array]], weights: _Weights, shifted: bool | None, notes: list[Text]
) -> tuple[list[Numbers], _Weights]:
    """Labels where every mask says so, or where a weight isn't 0."""
    for name, rows in masks.items():
        check_lengths(name, rows, ids)
    given = [*masks.values(), *([] if weights is None else [weights])]
    if not given:
        notes.append(_NO_LABELS)
        return [np.full_like(row, IGNORE) for row in ids], weights
    for rows in masks.values():
        if weights is None and any(((row != 0) & (row != 1)).any() for row in rows):
            weights = [row.astype(np.float32) for row in rows]
    trained = [np.all([rows[r] != 0 for rows in given], axis=0) for r in range(len(ids))]
    if shifted:
        trained = _moved(trained, False)[0]
        weights = None if weights is None else _moved(weights, 0)[0]
    return [np.where(on, row, IGNORE) for on, row in zip(trained, ids, strict=True)], weights


def _weighed(labels: list[Numbers], mask: list[Array], weights: _Weights, notes: list[Text]) -> tuple[list[Numbers], _Weights]:
    """Given labels under a loss_mask, which the loss of each is multiplied with."""
    off = [(own != IGNORE) & (on == 0) for own, on in zip(labels, mask, strict=True)]
    if count := int(sum(row.sum() for row in off)):
        notes.append({language: said.format(count=count) for language, said in _LOSS_MASK.items()})
    if weights is None and any(((row != 0) & (row != 1)).any() for row in mask):
        weights = [row.astype(np.float32) for row in mask]
    return [np.where(row, IGNORE, own) for row, own in zip(off, labels, strict=True)], weights


def _looks_shifted(ids: list[Numbers], labels: list[Numbers], notes: list[Text]) -> bool:
    """Whether labels are the next tokens' ids far more often than their own tokens'. A replaced label here and there decides nothing."""
    inside = [(own[:-1], row[:-1], row[1:]) for own, row in zip(labels, ids, strict=True)]
    aligned = sum(int(((label == here) & (label != IGNORE)).sum()) for label, here, _ in inside)
    shifted = sum(int(((label == after) & (label != IGNORE)).sum()) for label, _, after in inside)
    trained = sum(int((label != IGNORE).sum()) for label, _, _ in inside)
    if shifted > 0.8 * trained and shifted > 2 * aligned:
        return True
    if shifted > 0.8 * trained and trained:
        notes.append(_UNDECIDED)
    return False


def _moved(rows: Sequence[Array], fill: Any) -> tuple[list[Any], list[Any]]:
    """Every row one to the right, and what fell off at the end of each."""
    return [np.concatenate([np.full(1, fill, row.dtype), row[:-1]]) if len(row) else row for row in rows], [
        row[-1].item() for row in rows if len(row)
    ]


def _beyond(lost: Sequence[int]) -> Text:
    shown = ", ".join(map(str, lost[:4])) + (", …" if len(lost) > 4 else "")
    return both(
        f"{len(lost)} rows are also trained on a token that they don't hold, the one after their end (ids {shown}); it has no place here.",
        f"有 {len(lost)} 行还训练了行内没有的、末尾之后的那个 token（编号 {shown}）；这里没有它的位置。",
    )
