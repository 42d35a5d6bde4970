"""InternLM: what the golden arrays don't show."""

import pytest

import glm4viz
from tests.systems.messages import assistant, trained_text, user

TOK = glm4viz.load_tokenizer()


def test_alpaca_trains_answer_end_newline_and_end_of_text() -> None:
    s = glm4viz.label([user("?"), assistant("Hi! <eoa>")], "internlm-alpaca")
    assert trained_text(s) == "Hi‖ <eoa><eoa>\n</s>"  # the exclamation mark is id 0, which has no sign
    assert TOK.encode("!") == [0]
    assert s.parts[-4:].tolist() == ["content", "stop", "separator", "stop"]
    assert s.message_index[-4:].tolist() == [1, 1, 1, -1]
    assert s.owner[-4:].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("limit", range(1, 14))
def test_alpaca_forces_the_end_token(limit: int) -> None:
    messages = [user("?"), assistant("one two three")]
    whole, cut = (glm4viz.label(messages, "internlm-alpaca", max_length=n) for n in (None, limit))
    kept = min(limit, len(whole)) - 1
    assert cut.input_ids.tolist() == [*whole.input_ids[:kept].tolist(), TOK.named_ids["</s>"]]
    assert cut.labels.tolist() == [*whole.labels[:kept].tolist(), TOK.named_ids["</s>"]]
