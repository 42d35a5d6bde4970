"""torchtune: what the golden arrays don't show."""

import glm4viz
from tests.systems.messages import ANSWER, QUESTION, SYSTEM, trained


def test_torchtune_trains_a_message_with_header_and_end() -> None:
    s = glm4viz.label([SYSTEM, QUESTION, {"role": "assistant", "content": " \n ok\n"}], "torchtune")
    assert trained(s) == ["<|start_header_id|>", "assistant", "<|end_header_id|>", "\n\n", "ok", "<|eot_id|>"]
    assert s.parts[s.trained].tolist() == ["role_tag", "role_tag", "role_tag", "newline", "content", "stop"]
    assert s.spans[s.trained & (s.parts == "content")].tolist() == [[3, 5]]


def test_torchtune_forces_the_end_token() -> None:
    whole, cut = (glm4viz.label([QUESTION, ANSWER], "torchtune", max_length=n) for n in (None, 11))
    assert cut.token_bytes == [*whole.token_bytes[:10], b"<|end_of_text|>"]
    assert (cut.labels[-1], cut.parts[-1], cut.message_index[-1], cut.owner[-1]) == (-100, "stop", -1, -1)
    assert cut.spans[-1].tolist() == [-1, -1]
