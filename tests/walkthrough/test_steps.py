"""The steps against the labelled samples."""

import itertools

import numpy as np
import pytest

import glm4viz
from glm4viz.errors import Glm4vizError
from glm4viz.recipe import LabelledSample
from glm4viz.walkthrough.plain import PLAIN
from glm4viz.walkthrough.steps import Boundary, boundaries, walk
from glm4viz.walkthrough.ways import WAYS
from tests.conftest import CONVERSATIONS
from tests.walkthrough import TWO_TURNS

SYSTEM = {"role": "system", "content": "Be short."}


@pytest.mark.parametrize("recipe", PLAIN)
@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("max_length", [None, 20])
def test_every_walk_ends_in_the_library_s_labels(recipe: str, name: str, max_length: int | None) -> None:
    try:
        samples = glm4viz.label_all(CONVERSATIONS[name], recipe, max_length=max_length)
    except Glm4vizError as error:
        with pytest.raises(type(error)):
            walk(CONVERSATIONS[name], recipe, max_length)
        return
    for part, sample in enumerate(samples):
        steps = walk(CONVERSATIONS[name], recipe, max_length, part=part)
        assert steps[-1].kind == "ways"
        np.testing.assert_array_equal(steps[-1].input_ids, sample.input_ids)
        np.testing.assert_array_equal(steps[-1].sample.labels, sample.labels)
        np.testing.assert_array_equal(steps[-1].loss_masks, sample.trained)


@pytest.mark.parametrize("recipe", PLAIN)
def test_the_lists_grow_without_gaps(recipe: str) -> None:
    steps = walk([SYSTEM, *TWO_TURNS], recipe, None)
    whole = glm4viz.label_all([SYSTEM, *TWO_TURNS], recipe)[-1]
    written = [step for step in steps if step.kind in ("prefix", "message", "end")]
    assert b"".join(step.rendered.encode() for step in written) == b"".join(whole.token_bytes)
    assert [step.start for step in written] == [0, *(step.stop for step in written[:-1])]
    assert written[-1].stop == len(whole)


def test_before_the_shift_a_message_has_one_mask_by_its_role() -> None:
    steps = [step for step in walk([SYSTEM, *TWO_TURNS]) if step.kind == "message"]
    assert [step.message for step in steps] == [0, 1, 2, 3, 4]
    for step in steps:
        answers = step.sample.messages[step.message]["role"] == "assistant"
        assert len(step.loss_masks) == len(step.input_ids)
        assert (step.loss_masks[step.start :] == answers).all()
        assert step.why == ("answer" if answers else "given")


def test_the_shift_changes_only_the_boundaries() -> None:
    steps = {step.kind: step for step in walk(TWO_TURNS)}
    before, after = steps["end"].loss_masks, steps["shift"].loss_masks
    assert after.tolist() == [False, *before.tolist()]
    names = [(b, step_token(steps["shift"].sample, b)) for b in boundaries(steps["shift"].sample)]
    assert [(name, b.before, b.after) for b, name in names] == [
        ("<|assistant|>", True, False),
        ("<|user|>", False, True),
        ("<|assistant|>", True, False),
        ("<|endoftext|>", None, True),
    ]


def step_token(sample: LabelledSample, boundary: Boundary) -> str:
    return sample.token_bytes[boundary.position].decode()


def test_recipes_differ_in_their_steps() -> None:
    kinds = {recipe: [step.kind for step in walk(TWO_TURNS, recipe)] for recipe in WAYS}
    assert [recipe for recipe in WAYS if "mask" in kinds[recipe]] == ["glm4-combine@dfe4601"]
    assert [recipe for recipe in WAYS if "append" in kinds[recipe]] == ["glm4v@dfe4601"]
    assert [recipe for recipe in WAYS if "shift" not in kinds[recipe]] == ["glm4v@dfe4601", "xtuner"]
    assert all(step.mask is None for step in walk(TWO_TURNS, "glm4-combine@dfe4601") if step.kind == "message")


@pytest.mark.parametrize("recipe", WAYS)
def test_three_questions_before_what_they_ask(recipe: str) -> None:
    steps = walk(TWO_TURNS, recipe)
    asked = [step.question for step in steps if step.question]
    assert asked == (["answer", "next"] if recipe == "xtuner" else ["answer", "next", "final"])
    for step, after in itertools.pairwise(steps):
        if step.question:
            assert (step.start, step.stop) == (after.start, after.stop)


def test_no_answer_no_question() -> None:
    assert not any(step.question for step in walk(TWO_TURNS[:1]))


def test_empty_messages_have_a_step_that_writes_nothing() -> None:
    messages = [TWO_TURNS[0], {"role": "assistant", "content": ""}, *TWO_TURNS[2:]]
    silent = [step for step in walk(messages) if step.why == "nothing"]
    assert [(step.message, step.rendered) for step in silent] == [(1, "")]
    assert silent[0].start == silent[0].stop > 0


def test_a_split_conversation_is_walked_sample_by_sample() -> None:
    first, last = (walk(TWO_TURNS, "xtuner-split", part=part) for part in (0, -1))
    assert (first[0].part, first[0].parts, last[0].part) == (0, 2, 1)
    assert {step.message for step in first if step.kind == "message"} == {0, 1}
