"""A recipe: how one training script turns a conversation into input_ids and labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.layout import Message, Writer
from glm4viz.tokenizer import Ids, Offsets

if TYPE_CHECKING:
    from glm4viz.sample import LabelledSample

IGNORE = -100
Text = dict[str, str]
Mask = npt.NDArray[np.bool_]


class Source(NamedTuple):
    """Where the recipe was read: a public repository, the file, the commit and its date."""

    repository: str
    path: str
    commit: str
    date: str


class Rows(NamedTuple):
    """Encoded samples, one after the other. ids int32 [N], mask bool [N], offsets int64 [rows + 1]."""

    ids: Ids
    mask: Mask
    offsets: Offsets


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """`layout` writes the pieces with their masks. `remask`, if given, makes the mask from the encoded tokens instead.

    shift: labels take the mask of the token before, `[False, *loss_masks]`; a label then teaches the message at i - 1.
    max_length_pair: the limit is two numbers, for the question and for the answer.
    independent: every message is written without regard to the others, so a batch may write each kind once.
    fit: cuts an encoded sample to max_length or refuses it (RecipeRejects), called for None too; by default the tail goes.
    evaluate: the script's `process_batch_eval`, where glm4viz follows it.
    """

    id: str
    system: str
    source: Source
    rule: Text
    max_length: Text
    layout: Callable[[Sequence[Message], Writer], None]
    remask: Callable[[Rows, dict[str, int]], Mask] | None = None
    shift: bool = False
    independent: bool = False
    max_length_pair: bool = False
    fit: Callable[["LabelledSample", Any], "LabelledSample"] | None = None
    evaluate: Callable[[Sequence[Message], "LabelledSample", int, int], list[tuple[Ids, Ids]]] | None = None
    quirks: tuple[Text, ...] = ()
    warnings: tuple[str, ...] = ()
