"""How many tokens records have, how many of them a limit leaves, and how many are trained."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError
from glm4viz.labelling.batch import Batch, label_batch
from glm4viz.layout import Message
from glm4viz.recipe import IGNORE, MaxLength, Recipe

UNREAD, REFUSED = -1, -2  # for the trained tokens of a record that can't be read, or that the recipe refuses
# What can go wrong when a record holds values that no recipe can write.
UNWRITABLE = (Glm4vizError, TypeError, AttributeError, ValueError, LookupError)
Labelled = Iterable[tuple[int, Batch]]


def label_each(given: Sequence[Conversation | Sequence[Message]], recipe: Recipe, max_length: MaxLength) -> Iterator[tuple[int, Batch]]:
    """All in one batch; or, if one of them can't be written at all, each by itself, with the number of its first."""
    try:
        yield 0, label_batch(given, recipe, max_length=max_length)
        return
    except UNWRITABLE:
        pass
    for number, one in enumerate(given):
        try:
            batch = label_batch([one], recipe, max_length=max_length)
        except UNWRITABLE:
            continue
        yield number, batch


def count_tokens(batches: Labelled, count: int, cut: int | None = None) -> npt.NDArray[np.float64]:
    """[3, count]: tokens, tokens kept and tokens trained of each conversation, summed over its samples; `cut` is applied to what was
    labelled. Zeros for one that has no sample.
    """
    totals = np.zeros((3, count))
    for first, batch in batches:
        starts, sizes = batch.offsets[:-1], np.diff(batch.offsets)
        ends = batch.offsets[1:] if cut is None else starts + np.minimum(sizes, cut)
        counted = np.concatenate([[0], np.cumsum(batch.labels != IGNORE)])
        for row, counts in enumerate((sizes, ends - starts, counted[ends] - counted[starts])):
            totals[row] += np.bincount(first + batch.source, counts, count)
    return totals


def count_trained(batches: Labelled, count: int, cut: int | None = None) -> npt.NDArray[np.int64]:
    """[count]: trained tokens of each conversation, or REFUSED."""
    _, kept, trained = count_tokens(batches, count, cut)
    return np.where(kept > 0, trained, REFUSED).astype(np.int64)
