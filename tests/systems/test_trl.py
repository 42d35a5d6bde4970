"""TRL: what the golden arrays don't show."""

from typing import Any

import glm4viz
from tests.conftest import CONVERSATIONS
from tests.systems.messages import ANSWER, QUESTION, rendered


def test_trl_trains_all_and_each_message_owns_its_tokens() -> None:
    s = glm4viz.label([QUESTION, ANSWER, QUESTION], "trl")
    assert s.labels.tolist() == s.input_ids.tolist()
    assert s.owner[s.parts == "prefix"].tolist() == [-1, -1]
    assert s.owner[s.parts == "content"].tolist() == [0, 1, 2]
    assert s.owner[s.parts == "role_tag"].tolist() == [0, 1, 1]  # the last one ends the answer


def test_null_is_absent_for_trl_and_axolotl_but_not_for_unsloth() -> None:
    messages: list[dict[str, Any]] = [QUESTION | {"metadata": None}, ANSWER]
    assert "None" not in rendered(glm4viz.label(messages, "trl")) + rendered(glm4viz.label(messages, "axolotl-mapped"))
    assert "<|user|>None\n?" in rendered(glm4viz.label(messages, "unsloth"))


def test_trl_cuts_right() -> None:
    messages = CONVERSATIONS["open-system-two-turns"]
    assert glm4viz.label(messages, "trl", max_length=20).labels.tolist() == glm4viz.label(messages, "trl").labels.tolist()[:20]
