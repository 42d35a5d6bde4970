"""What a fine-tuning script does to one conversation, step by step: the two lists growing, the shift, the labels.

A step reads the columns of the labelled sample and never makes a mask of its own: what `loss_masks` held before the shift is
the sample's labels moved back by one. Beside each step stand the lines that do it (`listing`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from glm4viz.conversation import Conversation
from glm4viz.errors import RecipeRejects
from glm4viz.labelling.single import label_all
from glm4viz.layout import PARTS, Message
from glm4viz.recipe import LabelledSample, Mask, MaxLength
from glm4viz.systems.registry import DEFAULT
from glm4viz.tokenizer import Ids

Kind = Literal[
    "start",
    "prefix",
    "predict",
    "message",
    "mask",
    "end",
    "shift",
    "append",
    "labels",
    "cut",
    "padding",
    "inside",
    "entropy",
    "mean",
    "ways",
]
Question = Literal["", "answer", "next", "final"]

MOST_CHARACTERS = 20_000_000  # of all samples of a split together


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Tokens start … stop - 1 are new; the lists so far are those up to `stop`.

    sample: before the cut, from "cut" on as cut. mask: the whole of loss_masks as this step leaves it, None where the script has none
    yet; it is one shorter than the sample before the shift. message: -1 for no message. why: which sentence explains the mask.
    question: what a "predict" step asks about its tokens. part: which of the recipe's samples this is.
    """

    kind: Kind
    sample: LabelledSample
    start: int = 0
    stop: int = 0
    mask: Mask | None = None
    message: int = -1
    why: str = ""
    question: Question = ""
    part: int = 0
    parts: int = 1

    @property
    def input_ids(self) -> Ids:
        return self.sample.input_ids[: self.stop]

    @property
    def new_input_ids(self) -> Ids:
        return self.sample.input_ids[self.start : self.stop]

    @property
    def loss_masks(self) -> Mask:
        """loss_masks so far; empty while the script has none."""
        return np.zeros(0, bool) if self.mask is None else self.mask[: self.stop]

    @property
    def rendered(self) -> str:
        """The text that the new tokens write."""
        return b"".join(self.sample.token_bytes[self.start : self.stop]).decode("utf-8", "replace")


def walk(messages: Conversation | Sequence[Message], recipe: str = DEFAULT, max_length: MaxLength = 1025, *, part: int = -1) -> list[Step]:
    """All steps. `part` picks one of the samples of a recipe that splits the conversation, by default the last, which has all of it.

    Raises what `label` raises, and RecipeRejects where the samples of a split would be too large together.
    """
    check_size(messages, recipe)
    whole = label_all(messages, recipe)
    part = part if 0 <= part < len(whole) else len(whole) - 1
    cut = label_all(messages, recipe, max_length=max_length)[part]
    return [replace(step, part=part, parts=len(whole)) for step in _steps(whole[part], cut, len(whole) > 1)]


def check_size(messages: Conversation | Sequence[Message], recipe: str) -> None:
    """One sample an answer grows with the square of the conversation."""
    found = messages.messages if isinstance(messages, Conversation) else messages
    answers = sum(message.get("role") == "assistant" for message in found)
    characters = answers * sum(len(str(message.get("content"))) for message in found) // 2
    if recipe == "xtuner-split" and characters > MOST_CHARACTERS:
        raise RecipeRejects(
            f"One sample an answer makes {answers} samples here, about {characters:,} characters together: too many to lay out on a page.",
            f"每个回答一条样本，这里会有 {answers} 条，合计约 {characters:,} 个字符：太多了，无法在页面上展开。",
        )


def _steps(whole: LabelledSample, cut: LabelledSample, splits: bool) -> Iterator[Step]:
    count, recipe = len(whole), whole.recipe
    raw = mask_before_shift(whole)
    early = None if recipe.remask else raw  # a mask that is made of the tokens comes after all messages
    first = int(np.argmax(whole.part_codes != PARTS.index("prefix")))
    has_end = bool(whole.part_codes[-1] == PARTS.index("stop") and whole.message_index[-1] < 0)
    last = count - has_end

    yield Step("start", whole)
    yield Step("prefix", whole, 0, first, early, why="prefix")
    asked: list[Question] = []
    for message, start, stop in _runs(whole, first, last, splits):
        is_answer = start < stop and message >= 0 and whole.messages[message]["role"] == "assistant"
        if start < stop and message >= 0 and asked == ["answer"]:
            asked.append("next")
            yield Step("predict", whole, start, stop, None, message, question="next")
        if is_answer and not asked:
            asked.append("answer")
            yield Step("predict", whole, start, stop, None, message, question="answer")
        yield Step("message", whole, start, stop, early, message, _why(whole, early, message, start, stop))
    if recipe.remask:
        yield Step("mask", whole, last, last, raw)
    if has_end:
        if asked:
            yield Step("predict", whole, last, count, None, question="final")
        yield Step("end", whole, last, count, raw[:last])
    if recipe.shift:
        yield Step("shift", whole, count, count, whole.trained)
    elif has_end:
        yield Step("append", whole, count, count, whole.trained)
    yield Step("labels", whole, count, count, whole.trained)
    after: tuple[Kind, ...] = ("cut", "padding", "inside", "entropy", "mean", "ways")
    for kind in after:
        yield Step(kind, cut, len(cut), len(cut), cut.trained)


def _runs(whole: LabelledSample, first: int, last: int, splits: bool) -> list[tuple[int, int, int]]:
    """(message, start, stop) of every run of tokens of one message in order; messages that wrote nothing stand where they would have."""
    index = whole.message_index[first:last]
    starts = np.flatnonzero(np.diff(index, prepend=-2)) + first
    runs = [(int(whole.message_index[a]), int(a), int(b)) for a, b in pairwise([*starts, last])]
    silent = sorted(set(range(len(whole.messages))) - {message for message, _, _ in runs})
    if splits:  # later messages are no part of this sample
        silent = [m for m in silent if m < max((message for message, _, _ in runs), default=0)]
    for m in silent:
        at = next((k for k, run in enumerate(runs) if run[0] > m), len(runs))
        place = runs[at][1] if at < len(runs) else last
        runs.insert(at, (m, place, place))
    return runs


def _why(whole: LabelledSample, mask: Mask | None, message: int, start: int, stop: int) -> str:
    """The sentence on the mask of one message: by what it is, and what its tokens got."""
    if start == stop:
        return "nothing"
    if mask is None:
        return "later"
    values = mask[start:stop]
    if message < 0:
        return "outside"
    if values.any() and not values.all():
        return "mixed"
    if whole.messages[message]["role"] == "assistant":
        return "answer" if values.all() else "left_out"
    return "given" if not values.any() else "not_an_answer"


def mask_before_shift(whole: LabelledSample) -> Mask:
    """loss_masks as the script has it before `[False, *loss_masks]`: what the shift moved, moved back."""
    return whole.trained[1:] if whole.recipe.shift else whole.trained


class Boundary(NamedTuple):
    """A token whose mask the shift changes. before is None at the final token, for which the list had no value yet."""

    position: int
    before: bool | None
    after: bool


def boundaries(whole: LabelledSample) -> list[Boundary]:
    """Where the mask of the whole sample differs before and after the shift; none if the recipe doesn't shift."""
    if not whole.recipe.shift:
        return []
    after = whole.trained
    before = np.append(mask_before_shift(whole), False)
    last = len(whole) - 1
    return [Boundary(int(i), None if i == last else bool(before[i]), bool(after[i])) for i in np.flatnonzero(before != after)]
