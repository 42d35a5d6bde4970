"""Axolotl: what the golden arrays don't show."""

import numpy as np
import pytest

import glm4viz
from glm4viz.systems.axolotl import find_turn
from tests.conftest import CONVERSATIONS
from tests.systems.messages import ANSWER, QUESTION, rendered, trained


@pytest.mark.parametrize(
    ("full", "dummy", "turn"),
    [
        ([1, 2, 5, 6], [1, 2, 8, 9], (2, 4)),
        ([1, 2], [1, 2, 8, 9], (-1, -1)),  # an empty answer: nothing differs
        ([1, 2, 8, 5], [1, 2, 8, 9], (3, 4)),  # begins as the dummy does
        ([1, 2, 5, 9], [1, 2, 8, 9], (2, 3)),  # ends as the dummy does
        ([1, 2, 9], [1, 2, 8, 9], (-1, -1)),
        ([1, 2, 8, 9], [1, 2, 8, 9], (-1, -1)),
    ],
)
def test_an_answer_is_what_differs(full: list[int], dummy: list[int], turn: tuple[int, int]) -> None:
    assert find_turn(np.array(full, np.int32), np.array(dummy, np.int32)) == turn


def test_brackets_that_the_dummy_has_too_are_not_trained() -> None:
    assert trained(glm4viz.label([QUESTION, {"role": "assistant", "content": "[[1]]"}], "axolotl")) == ["1"]


def test_axolotl_trains_a_stop_token_that_happens_to_stand_near() -> None:
    near, far = ({"role": "user", "content": text} for text in ("<|endoftext|> means?", "What means <|endoftext|>?"))
    assert trained(glm4viz.label([QUESTION, ANSWER, near, ANSWER], "axolotl")) == ["ok", "<|endoftext|>", "ok"]
    assert trained(glm4viz.label([QUESTION, ANSWER, far, ANSWER], "axolotl")) == ["ok", "ok"]


def test_axolotl_eot_literal_trains_the_tag_that_ends_an_answer() -> None:
    s = glm4viz.label([QUESTION, ANSWER, QUESTION, ANSWER], "axolotl-eot-literal")
    tag = np.flatnonzero(s.trained & (s.parts == "role_tag"))
    assert (s.message_index[tag].tolist(), s.owner[tag].tolist()) == ([2], [1])


def test_axolotl_drops_what_the_template_reads_under_another_name() -> None:
    messages = CONVERSATIONS["open-tool-call"]
    assert "lookup_train" not in rendered(glm4viz.label(messages, "axolotl"))
    mapped = glm4viz.label(messages, "axolotl-mapped")
    assert {"tools", "metadata"} <= set(mapped.parts)
    assert mapped.trained[mapped.parts == "metadata"].all()
