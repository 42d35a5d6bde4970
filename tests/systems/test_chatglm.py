"""ChatGLM-6B and ChatGLM2: what the golden arrays don't show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import glm4viz
from tests.conftest import CONVERSATIONS
from tests.systems.messages import assistant, rendered, trained_text, user

TOK = glm4viz.load_tokenizer()


PAIRED = ("chatglm", "chatglm2")


@given(st.sampled_from(PAIRED), st.integers(1, 60), st.integers(1, 60))
def test_the_two_limits_cut_question_and_answer_each(recipe: str, source: int, target: int) -> None:
    messages = CONVERSATIONS["open-mixed-three-turns"]
    whole = glm4viz.label(messages, recipe).input_ids.tolist()
    cut = glm4viz.label(messages, recipe, max_length=(source, target))
    answer = TOK.encode(messages[-1]["content"])
    if recipe == "chatglm":
        question = whole[: -len(answer) - 3]
        expected = [*question[: source - 1], *whole[len(question) : len(question) + 2], *answer[: target - 2], whole[-1]]
        untrained = len(question[: source - 1]) + 1
    else:
        question = whole[: -len(answer) - 1]
        expected = [*question[:source], *answer[:target], whole[-1]]
        untrained = len(question[:source])
    assert cut.input_ids.tolist() == expected
    assert cut.labels.tolist() == [-100] * untrained + expected[untrained:]


def test_a_pair_is_wanted() -> None:
    with pytest.raises(ValueError, match="pair"):
        glm4viz.label(CONVERSATIONS["open-en-one-turn"], "chatglm", max_length=100)


def test_only_the_last_answer_of_chatglm_is_trained_with_its_start_token() -> None:
    s = glm4viz.label([user("a"), assistant("b"), user("c"), assistant("d")], "chatglm")
    assert rendered(s) == "[Round 0]\n问：a\n答：b\n[Round 1]\n问：c\n答：[gMASK]<sop>d<eop>"
    assert trained_text(s) == "<sop>d<eop>"
    assert s.parts[-4:].tolist() == ["prefix", "prefix", "content", "stop"]
    assert s.message_index[-4:].tolist() == [-1, -1, 3, 3]
    assert s.owner[-4:].tolist() == [-1, 3, 3, 3]
    answered = glm4viz.label([user("a"), assistant(None), user("c"), assistant("d")], "chatglm2")
    assert "答：None\n\n[Round 2]" in rendered(answered)  # a null in the history is printed
