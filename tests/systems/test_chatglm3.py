"""ChatGLM3: what the golden arrays don't show."""

import pytest

import glm4viz
from glm4viz.errors import RecipeRejects
from tests.systems.messages import assistant, observation, rendered, system, trained_text, user

TOK = glm4viz.load_tokenizer()


CALL = assistant('{"city": "苏州", "days": [1, 2.5], "raw": null, "ok": true, "q": "it\'s"}', metadata="weather")


def test_a_call_becomes_code_and_its_result_is_masked() -> None:
    s = glm4viz.label([user("?"), CALL, observation("rain"), assistant("Rain.")], "chatglm3")
    code = "weather\n```python\ntool_call(city='苏州', days=[1, 2.5], raw=None, ok=True, q=\"it's\")\n```"
    assert rendered(s) == f"[gMASK]<sop><|user|>\n?<|assistant|>{code}<|observation|>\nrain<|assistant|>\nRain.<|endoftext|>"
    assert trained_text(s) == f"{code}<|observation|>‖\nRain.<|endoftext|>"
    tag = s.input_ids.tolist().index(TOK.special_ids["<|observation|>"])
    assert (s.parts[tag], s.roles[tag], s.owner[tag]) == ("role_tag", "observation", 1)
    assert (s.parts[-1], s.message_index[-1], s.owner[-1]) == ("stop", -1, 3)
    rewritten = (s.message_index == 1) & (s.parts == "content")
    assert (s.spans[rewritten] == -1).all()


def test_calls_and_results_without_each_other() -> None:
    assert rendered(glm4viz.label([user("?"), CALL], "chatglm3")).endswith("```<|observation|>\nnull<|endoftext|>")
    null = glm4viz.label([user("?"), CALL, observation(None)], "chatglm3")
    assert rendered(null).endswith("```<|observation|>\nnull<|endoftext|>")
    assert trained_text(glm4viz.label([observation("alone")], "chatglm3")) == "\nalone<|endoftext|>"


def test_tools_come_first_and_the_system_text_stays() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}, {"name": "g"}]
    s = glm4viz.label([user("?"), system("Be kind.", tools=tools)], "chatglm3")
    listed = '[\n    {\n        "name": "f"\n    },\n    {\n        "name": "g"\n    }\n]'
    assert f"tools:\n{listed}<|user|>\n?<|system|>\nBe kind.<|endoftext|>" in rendered(s)
    assert set(s.message_index[s.parts == "tools"]) == {1}
    assert "<|system|>\n<|user|>" in rendered(glm4viz.label([system("", tools=None), user("?")], "chatglm3"))


def test_loss_false_is_honoured_by_the_older_script_only() -> None:
    messages = [user("?"), assistant("no", loss=False), user("?"), assistant("yes", loss=1)]
    assert trained_text(glm4viz.label(messages, "chatglm3")) == "\nyes<|endoftext|>"
    assert trained_text(glm4viz.label(messages, "chatglm3-hf")) == "\nno<|user|>‖\nyes<|endoftext|>"


def test_the_later_script_trains_results_and_forgets_names() -> None:
    s = glm4viz.label([user("?"), assistant("{}", metadata="f"), observation("1"), assistant("")], "chatglm3-hf")
    assert trained_text(s) == "\n{}<|observation|>\n1<|assistant|>\n<|endoftext|>"
    assert 2 in s.owner


@pytest.mark.parametrize("loss", [float("inf"), float("nan"), "x", []])
def test_a_loss_at_which_the_script_crashes_is_a_refusal(loss: object) -> None:
    messages = [user("?"), assistant("no", loss=loss)]
    with pytest.raises(RecipeRejects):
        glm4viz.label(messages, "chatglm3")
    assert [finding.rule for finding in glm4viz.lint(messages, "chatglm3")]
    assert list(glm4viz.label_batch([messages], "chatglm3").errors) == [0]
