"""check_messages: the good as it is, the fault by name."""

from typing import Any

import pytest

from glm4viz.conversation import Conversation, check_messages
from glm4viz.errors import ConversationError
from tests.readers.forms import check_sentences

USER = {"role": "user", "content": "你好"}
BOT = {"role": "assistant", "content": "It's {fine} [ok]"}
GOOD = {"messages": [USER, BOT]}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a":  1}'}}]}


# ---- check_messages


def test_check_messages_takes_the_good_as_it_is() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "", "tools": object()},
        USER,
        {**BOT, "metadata": None},
        {"role": "observation", "content": None},
    ]
    assert all(one is other for one, other in zip(check_messages(messages), messages, strict=True))
    assert check_messages(tuple(messages)) == messages
    assert check_messages(Conversation(messages)) == messages


@pytest.mark.parametrize(
    ("messages", "word"),
    [
        (None, "messages is null, not a list"),
        (GOOD, "not a list"),
        ([], "empty"),
        ([5], "messages[0] is a number (5)"),
        ([USER, {"role": "user"}], "messages[1].content is missing"),
        ([{"role": "human", "content": "x"}], "Write user"),
        ([{"role": 5, "content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": 5}], "messages[0].content"),
        ([{"role": "user", "content": "\ud83d"}], "messages[0].content holds half a character"),
        ([{"role": "user", "content": "x", "metadata": "\ud83d"}], "messages[0].metadata"),
        ([{"role": "user", "content": "x", "metadata": {"a": ["\ud83d"]}}], "messages[0].metadata.a[0]"),
        ([{"role": "tool", "content": "x"}], "read_conversations"),
        ([CALL], "read_conversations"),
        ([{"role": "user", "content": [{"type": "text", "text": "x"}]}], "read_conversations"),
    ],
)
def test_check_messages_names_the_fault(messages: Any, word: str) -> None:
    with pytest.raises(ConversationError) as caught:
        check_messages(messages)
    assert word in str(caught.value)
    check_sentences(caught.value)
