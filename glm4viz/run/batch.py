"""from_batch: the batch that a trainer feeds its model, as labelled samples, one for each sequence in it."""

from typing import Any

import numpy as np

from glm4viz.errors import BatchError
from glm4viz.recipe import IGNORE
from glm4viz.run.find import found_in
from glm4viz.run.sample import CapturedSample
from glm4viz.run.vocabulary import as_tokenizer


def from_batch(batch: Any, tokenizer: Any, *, shifted: bool | None = None) -> list[CapturedSample]:
    """One sample for each sequence of a batch, with exactly its ids and labels. Raises BatchError and TokenizerError."""
    del shifted
    tok = as_tokenizer(tokenizer)
    get = batch.get if hasattr(batch, "get") else lambda name: getattr(batch, name, None)
    ids, labels, mask = (to_array(get(name)) for name in ("input_ids", "labels", "attention_mask"))
    if ids is None:
        raise BatchError("The batch has no input_ids.", "批次里没有 input_ids。")
    labels = np.full_like(ids, IGNORE) if labels is None else labels
    if labels.shape != ids.shape:
        raise BatchError(
            f"labels are {labels.shape}, input_ids {ids.shape}.", f"labels 的形状是 {labels.shape}，input_ids 是 {ids.shape}。"
        )
    kept = np.ones(ids.shape, bool) if mask is None or mask.shape != ids.shape else mask != 0
    samples = []
    for row, (i, t, k) in enumerate(zip(np.atleast_2d(ids), np.atleast_2d(labels), np.atleast_2d(kept | (labels != IGNORE)), strict=True)):
        at = np.flatnonzero(k)
        if len(at):
            one, end = int(at[0]), int(at[-1]) + 1
            positions = np.arange(end - one, dtype=np.int32)
            found = found_in(tok, i[one:end].astype(np.int32), t[one:end].astype(np.int32), positions)
            samples.append(CapturedSample(**found, row=row, padding=(one, len(i) - end)))
    return samples


def to_array(value: Any) -> Any:
    """A tensor on any device, an array or nested lists as a numpy array; None stays None."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if value.is_floating_point() else value).numpy()
    return None if value is None else np.asarray(value)
