"""Unsloth: what the golden arrays don't show."""

import numpy as np
import pytest

import glm4viz
from glm4viz.systems.unsloth import responses
from tests.conftest import CONVERSATIONS
from tests.systems.messages import CALL, QUESTION, RESULT


@pytest.mark.parametrize(
    ("ids", "spans"),
    [
        ([1, 0, 5, 2, 0, 6, 7], [(5, 7)]),
        ([1, 0, 5, 2, 0, 6, 1, 0, 7, 2, 0, 8], [(5, 6), (11, 12)]),
        ([2, 0, 6, 1, 0, 2, 0, 8], [(2, 3)]),  # the token behind a question's marker is never looked at
        ([2, 0, 6, 1], [(2, 4)]),  # cut right behind a tag: it is the last token, and so it is trained
        ([1, 0, 5, 2, 0], []),
        ([2], []),
    ],
)
def test_responses_lie_between_markers(ids: list[int], spans: list[tuple[int, int]]) -> None:
    assert list(responses(ids, [1, 0], [2, 0])) == spans


def test_unsloth_s_owners_in_a_thought_then_call() -> None:
    s = glm4viz.label(CONVERSATIONS["open-thought-then-call"], "unsloth")
    tags = np.flatnonzero(s.trained & (s.parts == "role_tag"))
    assert s.message_index[tags].tolist() == [2, 3, 4]
    assert s.owner[tags].tolist() == [1, 2, 4]  # the first two end an answer; the third follows a tool result
    assert set(s.owner[s.message_index == 3]) == {2, 3}


def test_unsloth_finds_nothing_in_a_lone_call_and_says_so_only_if_a_cut_did_it() -> None:
    assert not glm4viz.label([QUESTION, CALL, RESULT], "unsloth").trained.any()
