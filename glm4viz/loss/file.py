"""The losses of a whole file, record by record, as a stream: what a record's samples cost, or why it has none."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError, ReadError
from glm4viz.labelling.single import label_all
from glm4viz.loss import demo
from glm4viz.loss.batches import losses_in_order
from glm4viz.loss.calls import AnyModel
from glm4viz.loss.results import TokenLosses
from glm4viz.loss.served.model import ServedModel
from glm4viz.loss.vocabulary import check_vocabulary
from glm4viz.readers import Source, read_conversations
from glm4viz.recipe import LabelledSample, MaxLength, Recipe
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import DEFAULT, load_tokenizer
from glm4viz.tokenizer import Tokenizer

Record = Conversation | ReadError


@dataclass(frozen=True, eq=False)
class RecordLosses:
    """One record of a file. number: from 0; line: where it begins in the file, 0 if it isn't known.

    samples, losses: one for each sample that the recipe makes of it; none where there is an error: ReadError, ConversationError,
    RecipeRejects, VocabularyMismatch, or ModelError for a sample that the model can't take.
    """

    number: int
    file: str
    line: int
    samples: tuple[LabelledSample, ...] = ()
    losses: tuple[TokenLosses, ...] = ()
    error: Glm4vizError | None = None


def file_losses(
    model: AnyModel,
    source: Source,
    recipe: str | Recipe | None = None,
    max_length: MaxLength = None,
    *,
    start: int = 0,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[RecordLosses]:
    """Every record of a source that `read_conversations` takes, in its order; the file is never held.

    recipe: None is GLM-4's own, and what a run fed as it was fed. start: records before this one are read over.
    progress: told how many tokens were just worked through. cancelled: asked between steps; yes raises Cancelled.
    Raises ModelError where no record would get an answer, such as from a server that is gone.

    >>> import glm4viz
    >>> model = glm4viz.load_model("demo")                                                     # doctest: +SKIP
    >>> for record in glm4viz.file_losses(model, "data.jsonl"):                                # doctest: +SKIP
    ...     print(record.number, [losses.label_nll for losses in record.losses], record.error)
    """
    return record_losses(model, read_conversations(source), recipe, max_length, start=start, progress=progress, cancelled=cancelled)


def record_losses(
    model: AnyModel,
    records: Iterable[Record],
    recipe: str | Recipe | None = None,
    max_length: MaxLength = None,
    *,
    start: int = 0,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[RecordLosses]:
    """`file_losses` for records that are read already."""
    places = _labelled(model, islice(records, start, None), recipe, max_length, start)
    for place, samples, found in losses_in_order(model, places, progress=progress, cancelled=cancelled):
        if isinstance(found, Glm4vizError):
            yield replace(place, error=found)
        else:
            yield replace(place, samples=tuple(samples), losses=tuple(found))


# ---------------------------------------------------------------------------------------------------------------------


def _labelled(
    model: AnyModel, records: Iterable[Record], recipe: str | Recipe | None, max_length: MaxLength, start: int
) -> Iterator[tuple[RecordLosses, Sequence[LabelledSample]]]:
    """Each record's place, with its samples; or, without any, with the error that says why."""
    for number, record in enumerate(records, start):
        place = RecordLosses(number, record.file, record.line)
        try:
            yield place, _samples(model, record, recipe, max_length)
        except Glm4vizError as error:
            yield replace(place, error=error), ()


def _samples(model: AnyModel, record: Record, recipe: str | Recipe | None, max_length: MaxLength) -> list[LabelledSample]:
    if isinstance(record, ReadError):
        raise record
    fed = CAPTURED if record.captured is not None else DEFAULT
    samples = label_all(record, fed if recipe is None else recipe, max_length=max_length)
    for sample in samples:
        # A served model is asked itself which texts its ids are.
        if sample.recipe.id == CAPTURED.id and not isinstance(model, ServedModel):
            check_vocabulary(sample, _vocabulary(model.name), model.name)
    return samples


@lru_cache(1)
def _vocabulary(name: str) -> Tokenizer:
    return load_tokenizer(None if name in demo.NAMES else name)
