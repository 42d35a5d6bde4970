"""Labels that a system weighs count with their weight in a batch's mean."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import glm4viz
from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import LabelledSample
from glm4viz.rows.collator import collate
from glm4viz.rows.packing import pack
from glm4viz.rows.weights import MEANS, loss_weights
from glm4viz.systems.registry import get_recipe

TALK = [{"role": "user", "content": "Capital of France?"}, {"role": "assistant", "content": "Paris, of course."}]


def weighed(weight: float) -> LabelledSample:
    """An answer whose labels count `weight`, and an end that counts 1."""

    def layout(messages: Sequence[Message], w: Writer) -> None:
        w.text(Segment("content", messages[0]["content"], 0, 0))
        w.text(Segment("content", messages[1]["content"], 1, 0), mask=True, weight=weight)
        w.special("<|endoftext|>", "stop", message=1, mask=True)

    return glm4viz.label(TALK, replace(get_recipe("trl"), id="weighed", layout=layout, fit=None))


@pytest.mark.parametrize("mean", MEANS)
def test_the_mean_goes_by_how_many_labels_there_are(mean: str) -> None:
    plain, double = weighed(1), weighed(2)
    before, after = (loss_weights(collate([sample, plain]), mean).token[0] for sample in (plain, double))  # type: ignore[arg-type]
    factor = np.where(double.trained, double.weights, 1)
    assert after == pytest.approx(before * factor)
    assert after.sum() > before.sum()


def test_packed_samples_keep_their_own_weights() -> None:
    samples = [weighed(2), weighed(1), weighed(3)]
    found = loss_weights(pack(samples, 1000))
    assert found.sample.tolist() == pytest.approx([sample.weights.sum() / found.trained.sum() for sample in samples])
