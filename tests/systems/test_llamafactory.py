"""LLaMA-Factory: what the golden arrays don't show."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glm4viz
from glm4viz.systems.llamafactory import infer_seqlen
from tests.conftest import CONVERSATIONS
from tests.systems.messages import ANSWER, CALL, QUESTION, RESULT, SYSTEM, trained


def test_llamafactory_teaches_another_token_than_the_one_that_stands_there(tok: glm4viz.Tokenizer) -> None:
    s = glm4viz.label([SYSTEM, QUESTION, CALL, RESULT, ANSWER, QUESTION, ANSWER], "llamafactory")
    other = np.flatnonzero(s.trained & (s.labels != s.input_ids))
    assert [s.token_bytes[i] for i in other] == [b"<|observation|>", b"<|user|>"]
    assert s.labels[other].tolist() == [tok.special_ids["<|endoftext|>"]] * 2
    assert s.message_index[other].tolist() == [3, 5]
    assert s.owner[other].tolist() == [2, 4]  # the answers that they end
    assert (s.parts[-1], s.message_index[-1], s.owner[-1]) == ("stop", -1, 6)


def test_llamafactory_marks_rewritten_arguments_as_not_the_content() -> None:
    kept = glm4viz.label([QUESTION, CALL], "llamafactory")
    rewritten = glm4viz.label([QUESTION, CALL | {"content": '{"city":"苏州"}'}], "llamafactory")
    assert kept.input_ids.tolist() == rewritten.input_ids.tolist()
    assert kept.spans[kept.parts == "content"].min() >= 0
    assert (rewritten.spans[rewritten.message_index == 1] == -1).all()


def test_mask_history_leaks_labels_into_the_history() -> None:
    s = glm4viz.label([QUESTION, ANSWER] * 3, "llamafactory-mask-history")
    other = np.flatnonzero(s.trained & (s.labels != s.input_ids))
    assert [s.token_bytes[i] for i in other] == [b"[gMASK]", b"<|user|>"]
    assert s.owner[other].tolist() == [-1, 1]
    assert trained(s)[-3:] == ["\n", "ok", "<|endoftext|>"]


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 100))
def test_what_is_shared_out_fits(source: int, target: int, room: int) -> None:
    kept_source, kept_target = infer_seqlen(source, target, room)
    assert 0 < kept_source <= source
    assert 0 <= kept_target <= target
    assert kept_source + kept_target == min(source + target, room) or source * 2 >= room <= target * 2
    assert kept_source + kept_target <= room


@pytest.mark.parametrize("recipe", ["llamafactory", "llamafactory-mask-history"])
def test_the_end_teaches_the_last_answer_that_is_left(recipe: str) -> None:
    messages = CONVERSATIONS["open-system-two-turns"]
    for cutoff_len in range(2, 103):
        s = glm4viz.label(messages, recipe, max_length=cutoff_len)
        assert len(s) <= cutoff_len
        assert (s.parts[-1], s.labels[-1]) == ("stop", 151329)
        # Of the last pair even if its answer has no token left: the end then follows a stump of the question.
        last = max(s.message_index.max(), 0)
        assert s.owner[-1] == next(m for m in range(last, len(messages)) if messages[m]["role"] == "assistant")
