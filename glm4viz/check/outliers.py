"""Records on which a model's loss lies far above that of the others in their file.

What is far can be said only when all losses are known, so the files are read once for the losses, eight bytes a record, before they are
checked. Torch is imported, and the model loaded, when `find_outliers` is called.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from glm4viz.check.chunks import SIZE, chunks_of
from glm4viz.check.examine import Settings, records_of
from glm4viz.conversation import Conversation
from glm4viz.errors import ConversationError, Glm4vizError, VocabularyMismatch
from glm4viz.layout import Message
from glm4viz.linter.case import label_case
from glm4viz.linter.findings import Finding, Hit
from glm4viz.linter.rules.dataset import LOSS_OUTLIER
from glm4viz.recipe import LabelledSample, MaxLength, Recipe
from glm4viz.systems.registry import get_recipe

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel

FEWEST = 20  # records with a loss, below which nothing is called usual
FAR = 3.5  # robust z-scores, as Iglewicz and Hoaglin propose

_Record = Conversation | Sequence[Message]
Floats = npt.NDArray[np.float64]


def find_outliers(
    paths: Sequence[Path | str], settings: Settings, source: str, progress: Callable[[int], None] = lambda _: None
) -> Mapping[tuple[str, int], Finding]:
    """Findings by file and number of the record, for `check_files`. `source`: a model as `load_model` takes it.

    progress: told how many bytes were worked through. Raises ModelError, also where torch is missing, and VocabularyMismatch.
    """
    from glm4viz.loss import load_model

    model = load_model(source)
    found: dict[tuple[str, int], Finding] = {}
    for path in dict.fromkeys(map(str, paths)):
        losses = np.fromiter(_losses(path, settings, model, progress), np.float64)
        median = float(np.nanmedian(losses)) if np.isfinite(losses).any() else 0.0
        for record in np.flatnonzero(robust_scores(losses) > FAR).tolist():
            loss = losses[record]
            seen = {"en": f"loss {loss:.3g}, the file's median is {median:.3g}", "zh": f"损失 {loss:.3g}，整个文件的中位数是 {median:.3g}"}
            found[path, record] = LOSS_OUTLIER.finding(Hit(seen=seen), None)
    return found


def robust_scores(values: Floats) -> Floats:
    """How many standard deviations each value lies above the median, by the median's own measure of spread; 0 where nothing can be said.

    Values that are no finite numbers are left out. With half of them equal, which makes that measure 0, the mean deviation takes its place.
    """
    known = np.isfinite(values)
    scores = np.zeros(len(values))
    if known.sum() < FEWEST:
        return scores
    off = values[known] - np.median(values[known])
    spread = 1.4826 * np.median(np.abs(off)) or 1.2533 * np.mean(np.abs(off))
    if spread > 0:
        scores[known] = off / spread
    return scores


# ---------------------------------------------------------------------------------------------------------------------


def _losses(path: str, settings: Settings, model: "AnyModel", progress: Callable[[int], None]) -> Iterator[float]:
    """The training loss of each record in the file; nan for one that can't be read or labelled, that doesn't fit the model's memory, or
    has no trained token."""
    from glm4viz.loss import training_loss
    from glm4viz.loss.batches import losses_in_order

    recipe = get_recipe(settings.recipe)

    def items() -> Iterator[tuple[None, Sequence[LabelledSample]]]:
        for chunk in chunks_of(Path(path), SIZE):
            yield from ((None, _samples(record, recipe, settings.max_length)) for record in records_of(chunk))
            progress(len(chunk.lines))

    for _, _, losses in losses_in_order(model, items()):
        if isinstance(losses, VocabularyMismatch):
            raise losses
        yield math.nan if isinstance(losses, Glm4vizError) else training_loss(losses)


def _samples(record: _Record | None, recipe: Recipe, max_length: MaxLength) -> Sequence[LabelledSample]:
    try:
        return () if record is None else label_case(record, recipe, None, max_length).samples
    except ConversationError:
        return ()
