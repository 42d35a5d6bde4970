"""check_messages: the good as it is, the fault by name."""

from typing import Any

import pytest

import glm4viz
from glm4viz.conversation import Conversation, check_messages
from glm4viz.errors import ConversationError, RecipeRejects
from tests.readers.forms import check_sentences

USER = {"role": "user", "content": "你好"}
BOT = {"role": "assistant", "content": "It's {fine} [ok]"}
GOOD = {"messages": [USER, BOT]}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a":  1}'}}]}


# ---- check_messages


def test_check_messages_takes_the_good_as_it_is() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "", "tools": [{"any": 1.5}]},
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


# ---- values that Python has and no recipe could write


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (nested(900), "nested more than 200 levels deep"),
        (nested(50_000), "nested more than 200 levels deep"),
        ({"a": 10**5000}, "more than 4,200 digits"),
        ({"a": [{1, 2}]}, "a set, which JSON has no form for"),
        ({"a": {1: 2}}, "a key is a number (1), not a text"),
        ({"a": {"\ud800": 2}}, "lone surrogate"),
    ],
    ids=["deep", "deeper", "long number", "set", "number for a key", "half a character"],
)
@pytest.mark.parametrize("key", ["metadata", "tools", "arguments"])
def test_what_no_recipe_could_write_is_refused_by_all(key: str, value: Any, word: str) -> None:
    if key == "arguments":
        messages: list[dict[str, Any]] = [USER, {**BOT, "tool_calls": [{"function": {"name": "f", "arguments": value}}]}]
        ids = [id for id, recipe in glm4viz.recipes().items() if recipe.form == "openai"]
    else:
        messages = [{"role": "system", "content": "", key: value if key == "metadata" else [value]}, USER, BOT]
        ids = [id for id, recipe in glm4viz.recipes().items() if recipe.form == "glm4"]
    for id in ids:
        with pytest.raises(ConversationError) as caught:
            glm4viz.label_all(messages, id)
        assert word in str(caught.value), id
        assert isinstance(glm4viz.label_batch([messages], id).errors[0], ConversationError), id
        assert glm4viz.lint(messages, id)[0].severity == "error", id
    check_sentences(caught.value)


@pytest.mark.parametrize("loss", [10**5000, nested(50_000)], ids=["long number", "deep"])
def test_whatever_loss_is_every_recipe_labels_or_says_why_not(loss: Any) -> None:
    for id in glm4viz.recipes():
        batch = glm4viz.label_batch([[USER, {**BOT, "loss": loss}]], id)
        assert all(isinstance(error, ConversationError | RecipeRejects) for error in batch.errors.values()), id
