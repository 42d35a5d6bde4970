"""Firefly: what the golden arrays don't show."""

import glm4viz
from tests.systems.messages import assistant, rendered, system, trained_text, user


def test_firefly_strips_and_remembers_where_the_rest_stood() -> None:
    messages = [system("\tS "), user("　 你好 \n"), assistant("\n\n好 \n")]
    for recipe in ("firefly-chatglm3", "firefly-internlm2"):
        s = glm4viz.label(messages, recipe)
        held = [s.spans[(s.message_index == m) & (s.spans[:, 0] >= 0)].tolist() for m in range(3)]
        assert [(spans[0][0], spans[-1][1]) for spans in held] == [(1, 2), (4, 10), (2, 5)]
    assert trained_text(glm4viz.label(messages, "firefly-chatglm3")) == "好<|endoftext|>"
    assert trained_text(s) == "好<|im_end|>\n"
    assert s.parts[-3:].tolist() == ["content", "stop", "separator"]
    assert set(s.owner[-3:].tolist()) == {2}


def test_firefly_s_own_system_prompt_belongs_to_no_message() -> None:
    for recipe in ("firefly-chatglm3", "firefly-internlm2"):
        s = glm4viz.label([user("?"), assistant("!")], recipe)
        end = s.roles.tolist().index("user")
        assert set(s.message_index[:end]) == {-1}
        assert "You are" in rendered(s)
        assert "You are" not in rendered(glm4viz.label([system(" "), user("?"), assistant("!")], recipe))
