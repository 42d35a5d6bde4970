"""What the article leaves out, between the script and the number that training makes smaller: padding, the model's shift, the loss.

The page shows these functions as they stand here; `padded` is its own batch, as the collator lays it out.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from glm4viz.recipe import IGNORE, LabelledSample, MaxLength
from glm4viz.rows.collator import PAD_ID, Collated, Side, collate
from glm4viz.tokenizer import Ids
from glm4viz.walkthrough.plain.glm4 import Lists
from glm4viz.walkthrough.steps import Step

PADS_RIGHT = ("chatglm3", "xtuner")
Row = tuple[list[int], list[int], list[int]]  # input_ids, labels, attention_mask
Floats = npt.NDArray[np.floating[Any]]


def padded(step: Step, neighbour: LabelledSample, max_length: MaxLength) -> Collated:
    """A batch of two, as the recipe's collator lays it out: the step's sample and another one."""
    recipe = step.sample.recipe.id
    whole_length = max_length if recipe == "chatglm3" and isinstance(max_length, int) else None  # that script pads every row to its limit
    return collate([step.sample, neighbour], "right" if recipe in PADS_RIGHT else "left", whole_length)


def pad(
    samples: Sequence[Lists],
    side: Side = "left",
    width: int = 0,
) -> list[Row]:
    """Rows of one length. ChatGLM3's is the limit, `width`."""
    for input_ids, _ in samples:
        width = max(width, len(input_ids))  # step: padding

    rows = []
    for input_ids, labels in samples:
        gap = width - len(input_ids)  # step: padding
        left, right = (gap, 0) if side == "left" else (0, gap)  # step: padding
        attention_mask = [0] * left + [1] * len(input_ids) + [0] * right  # step: padding
        input_ids = [PAD_ID] * left + input_ids + [PAD_ID] * right  # step: padding
        labels = [IGNORE] * left + labels + [IGNORE] * right  # step: padding
        rows += [(input_ids, labels, attention_mask)]
    return rows


def shift_in_model(input_ids: Ids, labels: Ids) -> list[tuple[int, int]]:
    """What the model does: logits[t], after reading input_ids[:t + 1], are compared with labels[t + 1]."""
    read = input_ids[:-1]  # step: inside
    target = labels[1:]  # step: inside
    return list(zip(read.tolist(), target.tolist(), strict=True))


def cross_entropy(logprobs: Floats, target: Ids) -> Floats:
    """-log p of each target; 0 where the target is ignore_index."""
    ignored = target == IGNORE  # step: entropy
    return np.where(ignored, 0.0, -logprobs)  # step: entropy


def mean_loss(losses: Floats, target: Ids) -> float:
    """The number that training makes smaller: the mean over the trained tokens only. nan if there are none."""
    trained = int((target != IGNORE).sum())  # step: mean
    return float(losses.sum()) / trained if trained else float("nan")  # step: mean
