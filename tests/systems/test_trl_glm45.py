"""TRL's template for GLM-4.5 where the golden rows don't reach."""

import glm4viz


def test_a_result_without_a_tag_is_encoded_with_what_stands_before_it() -> None:
    """A result that follows no answer gets no <|observation|>: the newline before it joins the question's last token."""
    messages = [
        {"role": "user", "content": "灯塔很亮。"},
        {"role": "tool", "content": "3"},
        {"role": "assistant", "content": "好"},
    ]
    text = "[gMASK]<sop><|user|>\n灯塔很亮。\n<tool_response>\n3\n</tool_response><|assistant|>\n<think></think>\n好<|user|>"
    sample = glm4viz.label(messages, "trl-glm4.5")
    assert sample.input_ids.tolist() == glm4viz.load_tokenizer("glm-4.5").encode(text, specials=True)
