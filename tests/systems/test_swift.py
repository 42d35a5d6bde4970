"""ms-swift: what the golden arrays don't show."""

import json

import numpy as np

import glm4viz
from tests.systems.messages import ANSWER, CALL, QUESTION, RESULT, SYSTEM, rendered, trained


def test_swift_s_calls() -> None:
    s = glm4viz.label([QUESTION, CALL, CALL, RESULT, RESULT, ANSWER], "ms-swift")
    assert rendered(s) == (
        "[gMASK]<sop><|user|>\n?<|assistant|>weather\n{'city': '苏州'}<|assistant|>weather\n{'city': '苏州'}<|observation|>\n48"
        "<|observation|>\n48<|assistant|>\nok<|user|>"
    )
    stops = np.flatnonzero(s.trained & np.isin(s.parts, ["role_tag", "stop"]))
    assert s.parts[stops].tolist() == ["role_tag", "role_tag", "stop"]
    assert s.message_index[stops].tolist() == [2, 3, -1]
    assert s.owner[stops].tolist() == [1, 2, 5]
    assert (s.spans[(s.parts == "content") & (s.message_index == 1)] == -1).all()


def test_swift_s_ends() -> None:
    assert rendered(glm4viz.label([QUESTION, CALL], "ms-swift")).endswith("}<|observation|>")
    assert rendered(glm4viz.label([ANSWER], "ms-swift")) == "[gMASK]<sop><|user|>\n<|assistant|>\nok<|user|>"
    assert rendered(glm4viz.label([QUESTION, ANSWER | {"content": "ok<|user|>"}], "ms-swift")).endswith("ok<|user|>")
    bare = glm4viz.label([QUESTION, ANSWER, QUESTION], "ms-swift")
    assert (rendered(bare)[-13:], bare.message_index[-1], bare.trained[-1]) == ("<|assistant|>", -1, False)


def test_swift_leaves_out_answers_marked_so() -> None:
    assert trained(glm4viz.label([QUESTION, ANSWER | {"loss": False}, QUESTION, ANSWER], "ms-swift")) == ["ok", "<|user|>"]


def test_swift_prints_tools_instead_of_the_system_text() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    text = rendered(glm4viz.label([SYSTEM | {"tools": tools}, QUESTION, ANSWER], "ms-swift"))
    assert text.startswith(f"[gMASK]<sop><|system|>\n# 可用工具\n\n## f\n\n{json.dumps({'name': 'f'}, indent=4)}\n在调用")
    assert "Be kind." not in text
