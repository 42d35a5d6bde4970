"""What each system refuses, with its reason in both languages."""

from typing import Any

import pytest

import glm4viz
from glm4viz.errors import RecipeRejects
from tests.conftest import CONVERSATIONS
from tests.systems.messages import ANSWER, CALL, QUESTION, RESULT, SYSTEM, Messages, assistant, observation, system, user

PAIRED = ("chatglm", "chatglm2")


@pytest.mark.parametrize(
    ("recipe", "messages", "reason"),
    [
        ("llamafactory", [QUESTION, QUESTION, ANSWER], "Invalid role tag: message 1 is user"),
        ("llamafactory", [ANSWER, QUESTION], "message 0 is assistant, where user or observation"),
        ("llamafactory", [SYSTEM, QUESTION, ANSWER, QUESTION], "Invalid message count"),
        ("llamafactory", [SYSTEM], "Invalid message count"),
        ("llamafactory", [QUESTION, SYSTEM, QUESTION, ANSWER], "message 1 is system"),
        ("llamafactory", [QUESTION, CALL | {"content": "not JSON"}], "Invalid JSON format"),
        ("llamafactory", [QUESTION, CALL | {"content": r'"\ud800"'}], "Invalid JSON format"),
        ("llamafactory", [SYSTEM | {"tools": [{"args": {}}]}, QUESTION, ANSWER], "KeyError: 'name'"),
        ("llamafactory", [SYSTEM | {"tools": "?"}, QUESTION, ANSWER], "AttributeError"),
        ("ms-swift", [SYSTEM], "nothing but a system message"),
        ("ms-swift", [QUESTION, RESULT, ANSWER], "message 1 is observation"),
        ("ms-swift", [RESULT, ANSWER], "message 0 is observation"),
        ("ms-swift", [QUESTION, ANSWER, SYSTEM, ANSWER], "message 2 is system"),
        ("ms-swift", [QUESTION, CALL, RESULT, QUESTION], "message 3 is user, where assistant"),
        ("ms-swift", [QUESTION, CALL | {"content": "not JSON"}], "parse this call's arguments"),
        ("ms-swift", [QUESTION, ANSWER | {"content": None}], "message 1 has no text"),
        ("ms-swift", [SYSTEM | {"tools": ["?"]}, QUESTION, ANSWER], "AttributeError"),
        ("torchtune", [QUESTION], "at least two messages"),
        ("torchtune", [SYSTEM, ANSWER], "message 1 is an answer"),
        ("torchtune", [QUESTION, QUESTION], "two questions in a row"),
        ("torchtune", [QUESTION, ANSWER, ANSWER], "message 2 is an answer"),
        ("torchtune", [QUESTION, SYSTEM], "it must come first"),
        ("torchtune", [QUESTION, CALL, RESULT, ANSWER], "message 2 is a tool result"),
        ("torchtune", [QUESTION | {"content": None}, ANSWER], "null content of the first message"),
    ],
    ids=str,
)
def test_refusals_have_reasons(recipe: str, messages: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(RecipeRejects, match=reason) as caught:
        glm4viz.label(messages, recipe)
    assert caught.value.sentence("zh") != caught.value.sentence("en")


@pytest.mark.parametrize(("recipe", "option"), [("axolotl", "sequence_len"), ("ms-swift", "max_length"), ("unsloth", "max_length")])
def test_too_long_samples_are_refused(recipe: str, option: str) -> None:
    messages = CONVERSATIONS["open-system-two-turns"]
    with pytest.raises(RecipeRejects, match=option) as caught:
        glm4viz.label(messages, recipe, max_length=20)
    assert option in caught.value.sentence("zh")


REFUSED = [
    *((recipe, [system("S"), user("?"), assistant("!")], "system") for recipe in (*PAIRED, "internlm-alpaca")),
    *(
        (recipe, messages, reason)
        for recipe in (*PAIRED, "internlm-alpaca", "firefly-chatglm3", "firefly-internlm2")
        for messages, reason in (
            ([user("?")], "end with assistant"),
            ([assistant("!"), user("?")], "end with assistant"),
            ([user("?"), user("?"), assistant("!")], "end with assistant"),
            ([user("?"), assistant("{}", metadata="f")], "tool calls"),
            ([user("?"), assistant("!"), observation("1"), assistant("!")], "tool results"),
            ([user("?"), assistant("!"), system("S")], "system message"),
            ([system("", tools=[{}]), user("?"), assistant("!")], "tools"),
        )
    ),
    ("chatglm", [user("?"), assistant("")], "skips"),
    ("chatglm2", [user(""), assistant("!")], "skips"),
    ("firefly-chatglm3", [system("S")], "end with assistant"),
    ("firefly-internlm2", [user(None), assistant("!")], "AttributeError"),
    ("internlm-alpaca", [user("?"), assistant("!")] * 2, "single turn"),
    ("chatglm3", [user("?"), assistant("not JSON", metadata="f")], "arguments"),
    ("chatglm3", [user("?"), assistant("[1]", metadata="f")], "arguments"),
    ("chatglm3", [user("?"), assistant('{"\\ud800": 1}', metadata="f")], "arguments"),
    ("chatglm3", [user("?"), assistant("!", loss=None)], "TypeError"),
    ("chatglm3", [user("?"), assistant("!", loss="false")], "ValueError"),
    ("chatglm3", [user(None)], "null content"),
    ("chatglm3", [system("", tools=[]), system("", tools=[])], "one list of tools"),
    ("chatglm3-hf", [system("", tools=[]), user("?")], "NotImplementedError"),
    ("chatglm3-hf", [user(None)], "null content"),
    ("xtuner", [user("?"), assistant("!"), observation("1")], "NotImplementedError"),
    ("xtuner", [assistant("!"), user("?")], "no answer"),
    ("xtuner-internlm2", [user("?"), assistant(None)], "null content"),
    ("xtuner-split", [user("?")], "no assistant"),
    ("xtuner-last-turn", [user("?")], "no assistant"),
]


@pytest.mark.parametrize(("recipe", "messages", "reason"), REFUSED, ids=str)
def test_what_a_system_refuses_is_said_in_both_languages(recipe: str, messages: Messages, reason: str) -> None:
    with pytest.raises(RecipeRejects, match=reason) as caught:
        glm4viz.label(messages, recipe)
    assert caught.value.sentence("zh") != caught.value.sentence("en")
    batch = glm4viz.label_batch([messages, CONVERSATIONS["open-en-one-turn"]], recipe)
    assert (list(batch.errors), batch.source.tolist()) == ([0], [1])


def test_what_the_systems_say_at_set_up() -> None:
    messages = [QUESTION, ANSWER]
    assert "train_on_prompt" in glm4viz.label(messages, "llamafactory-train-on-prompt").warnings[0]
    assert "EOT token '<|user|>' not found" in glm4viz.label(messages, "axolotl-eot").warnings[0]
    assert glm4viz.label(messages, "axolotl-eot-literal").warnings == []
