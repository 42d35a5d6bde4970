"""What a batch holds, as rows of numpy arrays: tensors on any device, arrays, nested lists, or samples that aren't collated yet."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from glm4viz.errors import BatchError

Array = npt.NDArray[Any]
LARGEST_ID = 1 << 22  # no vocabulary comes near; a table of so many tokens still fits anywhere


def as_mapping(batch: Any, names: Sequence[str]) -> Mapping[str, Any]:
    """The batch by name: a mapping, an object with attributes of these names, or a list of samples, whose values become rows. Raises BatchError."""
    if isinstance(batch, Mapping):
        return batch
    if isinstance(batch, Sequence) and batch and all(isinstance(one, Mapping) for one in batch):
        return {name: [one[name] for one in batch] for name in batch[0] if all(name in one for one in batch)}
    if hasattr(batch, "keys") and hasattr(batch, "__getitem__"):
        return {name: batch[name] for name in batch.keys()}  # noqa: SIM118 — not every such object iterates over its names
    if found := {name: getattr(batch, name) for name in names if hasattr(batch, name)}:
        return found
    kind = type(batch).__name__
    raise BatchError(
        f"A {kind} is no batch. Give what the data loader yields: a mapping with input_ids and labels.",
        f"{kind} 不是批次。请给出数据加载器产出的内容：带有 input_ids 和 labels 的映射。",
    )


def to_array(name: str, value: Any) -> Array:
    """One value as an array. Raises BatchError where it isn't numbers, or its rows differ in length."""
    if hasattr(value, "detach"):  # torch
        value = value.detach().cpu()
        value = (value.float() if value.is_floating_point() else value).numpy()
    elif hasattr(value, "numpy") and not isinstance(value, np.ndarray | np.generic):
        value = value.numpy()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        raise _no_numbers(name) from None
    if array.dtype.kind not in "biuf":
        if array.size == 0:
            return array.astype(np.int64)
        raise _no_numbers(name)
    return array


def to_rows(name: str, value: Any) -> list[Array]:
    """A value as one array for each sequence: [B, T], [T] or rows that differ in length. Raises BatchError."""
    if isinstance(value, list | tuple) and any(np.ndim(one) if isinstance(one, np.ndarray) else hasattr(one, "__len__") for one in value):
        rows = [to_array(name, one) for one in value]
    else:
        array = to_array(name, value)
        rows = [array] if array.ndim < 2 else list(array)
    if any(row.ndim != 1 for row in rows):
        raise BatchError(
            f"{name} has {1 + max(row.ndim for row in rows)} dimensions; it needs one (a sequence) or two (rows of sequences).",
            f"{name} 有 {1 + max(row.ndim for row in rows)} 个维度；应为一维（一条序列）或二维（若干行序列）。",
        )
    return rows


def whole_numbers(name: str, rows: Sequence[Array]) -> list[npt.NDArray[np.int64]]:
    """The rows as int64. Raises BatchError where a number isn't whole."""
    if any(row.dtype.kind == "f" and not np.array_equal(row, np.floor(row)) for row in rows):
        raise _no_numbers(name)
    return [row.astype(np.int64) for row in rows]


def check_lengths(name: str, rows: Sequence[Array], ids: Sequence[Array]) -> None:
    """Raise BatchError unless there is one number for each token."""
    if len(rows) != len(ids):
        raise BatchError(
            f"{name} has {len(rows)} rows and input_ids {len(ids)}. Give a batch in which they are of one shape.",
            f"{name} 有 {len(rows)} 行，input_ids 有 {len(ids)} 行。请给出形状一致的批次。",
        )
    for r, (row, own) in enumerate(zip(rows, ids, strict=True)):
        if len(row) != len(own):
            raise BatchError(
                f"In row {r}, {name} has {len(row)} entries and input_ids {len(own)}. Give a batch in which they are of one shape.",
                f"第 {r} 行的 {name} 有 {len(row)} 项，input_ids 有 {len(own)} 项。请给出形状一致的批次。",
            )


def check_ids(name: str, rows: Sequence[Array], least: int = 0) -> None:
    """Raise BatchError for what can't be a token's id."""
    for r, row in enumerate(rows):
        bad = np.flatnonzero(((row < 0) & (row != least)) | (row >= LARGEST_ID))
        if len(bad):
            at, value = int(bad[0]), int(row[bad[0]])
            masked = ("", "") if least >= 0 else (f" A label without loss is {least}.", f"不计损失的标签是 {least}。")
            raise BatchError(
                f"{name} has {value} at row {r}, position {at}, which can't be a token's id. Give the batch as the tokenizer made it, before "
                f"a model puts marks for images in.{masked[0]}",
                f"{name} 在第 {r} 行、位置 {at} 处是 {value}，不可能是 token 编号。请给出分词器产出的批次，而不是模型放入图像标记之后的。{masked[1]}",
            )


def _no_numbers(name: str) -> BatchError:
    return BatchError(
        f"{name} isn't numbers of one kind. Give tensors, arrays or lists of whole numbers.",
        f"{name} 不是同一种数字。请给出张量、数组或整数列表。",
    )
