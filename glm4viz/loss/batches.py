"""Losses of any number of samples: a bounded window of them at a time, in which those of like length run side by side.

In a window of many lengths hardly anything is padding. A window begins small and grows while the model is quick, so that one that takes
seconds for a sentence is still heard of every minute.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

import numpy as np

from glm4viz.errors import Glm4vizError, ModelError, VocabularyMismatch
from glm4viz.loss.calls import AnyModel, token_losses_batch
from glm4viz.loss.results import TokenLosses
from glm4viz.loss.served.model import ServedModel, connect
from glm4viz.recipe import IGNORE, LabelledSample

FIRST, MOST = 2_048, 65_536  # tokens of the first window, and of the largest
SECONDS = 20.0  # that a window may take before it grows no more
MOST_ITEMS = 1_024
ON_CPU = 256  # positions whose logits are in memory at once: more than one sample's, for there the vocabulary is read once for all of them

Key = TypeVar("Key")
Samples = Sequence[LabelledSample]
Losses = list[TokenLosses]


def losses_in_order(
    model: AnyModel,
    items: Iterable[tuple[Key, Samples]],
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[tuple[Key, Samples, Losses | Glm4vizError]]:
    """Each item's losses, with top_k 0, in the order in which the items came.

    In memory are the items of one window. An item whose samples the model can't take gives the error that says why, and hides no other:
    VocabularyMismatch, or ModelError for one that doesn't fit. progress: told how many tokens were just worked through. cancelled: yes
    raises Cancelled. Raises ModelError only where no item would get an answer: the server is gone.
    """
    for window in _windows(items, 1 if isinstance(model, ServedModel) else MOST):
        found = _window(model, [samples for _, samples in window], progress, cancelled)
        yield from ((key, samples, losses) for (key, samples), losses in zip(window, found, strict=True))


def _windows(items: Iterable[tuple[Key, Samples]], most: int) -> Iterator[list[tuple[Key, Samples]]]:
    """Runs of items with about as many tokens as are worked through in a while, and never many more than `most`."""
    window, held, room = list[tuple[Key, Samples]](), 0, min(FIRST, most)
    for key, samples in items:
        window.append((key, samples))
        held += sum(map(len, samples))
        if held >= room or len(window) >= MOST_ITEMS:
            start = time.monotonic()
            yield window
            room = _next_room(room, time.monotonic() - start, most)
            window, held = [], 0
    if window:
        yield window


def _next_room(room: int, seconds: float, most: int) -> int:
    if seconds > SECONDS:
        return max(1, room // 2)
    return min(most, room * 2) if seconds < SECONDS / 2 else room


def _window(
    model: AnyModel, each: Sequence[Samples], progress: Callable[[float], None] | None, cancelled: Callable[[], bool] | None
) -> list[Losses | Glm4vizError]:
    refused = [_refused(model, samples) for samples in each]
    taken = [samples for samples, error in zip(each, refused, strict=True) if error is None]
    found: Iterator[Losses | Glm4vizError] = (_alone(model, samples, progress, cancelled) for samples in taken)
    if len(taken) > 1:
        with suppress(ModelError, VocabularyMismatch):  # all are too much at once, or one can't be had: then one at a time
            found = iter(_together(model, taken, progress, cancelled))
    return [next(found) if error is None else error for error in refused]


def _together(
    model: AnyModel, each: Sequence[Samples], progress: Callable[[float], None] | None, cancelled: Callable[[], bool] | None
) -> list[Losses]:
    """One call for all samples, and each item's part of what came."""
    size, done = sum(len(sample) for samples in each for sample in samples), 0.0

    def tell(share: float) -> None:
        nonlocal done
        if progress is not None:
            progress(share * size - done)
            done = share * size

    flat = [sample for samples in each for sample in samples]
    on_cpu = not isinstance(model, ServedModel) and model.device.type == "cpu"
    found = iter(token_losses_batch(model, flat, 0, chunk=ON_CPU if on_cpu else None, progress=tell, cancelled=cancelled))
    tell(1.0)
    return [[next(found) for _ in samples] for samples in each]


def _alone(
    model: AnyModel, samples: Samples, progress: Callable[[float], None] | None, cancelled: Callable[[], bool] | None
) -> Losses | Glm4vizError:
    try:
        return _together(model, [samples], progress, cancelled)[0]
    except (ModelError, VocabularyMismatch) as error:
        if isinstance(model, ServedModel):
            connect(str(model.address), model.adapter)  # whoever is gone says so here
        return error


def _refused(model: AnyModel, samples: Samples) -> Glm4vizError | None:
    """Why the model can't take these tokens. A served one is asked when they are sent."""
    if isinstance(model, ServedModel):
        return None
    try:
        for sample in samples:
            model.check_ids(np.concatenate([sample.input_ids, sample.labels[sample.labels != IGNORE]]))
    except VocabularyMismatch as error:
        return error
    return None
