"""What comes after the script: padding, the shift inside the model, the mean."""

import numpy as np
import pytest

import glm4viz
from glm4viz.recipe import IGNORE
from glm4viz.walkthrough.steps import walk
from glm4viz.walkthrough.training import PADS_RIGHT, cross_entropy, mean_loss, pad, padded, shift_in_model
from tests.walkthrough import TWO_TURNS


def test_padding_stands_on_the_script_s_side() -> None:
    short = glm4viz.label(TWO_TURNS[:2])
    left = padded(walk(TWO_TURNS)[-1], short, 1025)
    assert left.padding[1].tolist() == [True] * (left.shape[1] - len(short)) + [False] * len(short)
    assert (left.labels[left.padding] == IGNORE).all()
    assert padded(walk(TWO_TURNS, "xtuner")[-1], short, 1025).padding[1, -1]
    assert padded(walk(TWO_TURNS, "chatglm3")[-1], short, 100).shape == (2, 100)


def test_the_model_compares_each_position_with_the_next_label() -> None:
    sample = glm4viz.label(TWO_TURNS)
    assert [target for _, target in shift_in_model(sample.input_ids, sample.labels)] == sample.targets[:-1].tolist()


def test_the_mean_is_over_trained_tokens() -> None:
    target = np.array([5, IGNORE, 7], np.int32)
    losses = cross_entropy(np.array([-1.0, np.nan, -3.0]), target)
    assert losses.tolist() == [1.0, 0.0, 3.0]
    assert mean_loss(losses, target) == 2.0
    assert np.isnan(mean_loss(losses[1:2], target[1:2]))


@pytest.mark.parametrize("recipe", ["glm4", "chatglm3", "xtuner"])
def test_the_padding_shown_is_the_collator_s(recipe: str) -> None:
    samples = [glm4viz.label(TWO_TURNS, recipe), glm4viz.label(TWO_TURNS[:2], recipe)]
    batch = padded(walk(TWO_TURNS, recipe, None)[-1], samples[1], 100)
    at_least = 100 if recipe == "chatglm3" else 0
    rows = pad([(one.input_ids.tolist(), one.labels.tolist()) for one in samples], "right" if recipe in PADS_RIGHT else "left", at_least)
    assert rows == list(zip(batch.input_ids.tolist(), batch.labels.tolist(), batch.attention_mask.tolist(), strict=True))
