"""ms-swift for GLM-4.5 and 4.7, by hand: which tokens are trained, and the corners of turns, thoughts and newlines."""

from typing import Any

import pytest

import glm4viz
from glm4viz.errors import RecipeRejects
from tests.systems.test_llamafactory_glm45 import GOLDEN45, TWO_CALLS, answer, marked, tool, user

IDS = tuple(f"ms-swift-glm{version}{kind}" for version in ("4.5", "4.7") for kind in ("", "-last-round", "-ignore-empty-think"))


def text(messages: list[dict[str, Any]], recipe: str = IDS[0], **options: Any) -> str:
    return marked(messages, recipe, **options).removeprefix("[gMASK]<sop>")


def test_two_calls() -> None:
    assert text(TWO_CALLS) == (
        "<|user|>⏎Hi<|assistant|>⏎⟦<think>Hm</think>⏎Look.⏎<tool_call>clock⏎</tool_call>⏎<tool_call>add⏎<arg_key>a</arg_key>⏎"
        "<arg_value>1</arg_value>⏎<arg_key>b</arg_key>⏎<arg_value>x</arg_value>⏎</tool_call><|observation|>⟧⏎<tool_response>⏎9⏎"
        "</tool_response>⏎<tool_response>⏎3⏎</tool_response><|assistant|>⏎⟦<think></think>⏎Ok<|user|>⟧"
    )
    assert text(TWO_CALLS, "ms-swift-glm4.7") == (
        "<|user|>Hi<|assistant|>⟦<think>Hm</think>Look.<tool_call>clock</tool_call><tool_call>add<arg_key>a</arg_key><arg_value>1"
        "</arg_value><arg_key>b</arg_key><arg_value>x</arg_value></tool_call><|observation|>⟧<tool_response>9</tool_response>"
        "<tool_response>3</tool_response><|assistant|>⟦</think>Ok<|user|>⟧"
    )


def test_parts_and_owners_of_two_calls() -> None:
    sample = glm4viz.label(TWO_CALLS, IDS[0])
    tags = {
        (part, int(m), int(owner)) for part, m, owner in zip(sample.parts, sample.message_index, sample.owner, strict=True) if owner >= 0
    }
    assert ("role_tag", 2, 1) in tags
    assert ("stop", 4, 4) in tags
    assert {part for part, _, owner in tags if owner == 1} == {"think", "newline", "content", "tool_call", "arguments", "role_tag"}


def test_last_round() -> None:
    talk = [user("a"), answer("b </think> c ", reasoning_content="R"), user("d"), answer("e", reasoning_content="S")]
    assert text(talk, "ms-swift-glm4.5-last-round") == (
        "<|user|>⏎a<|assistant|>⏎<think></think>⏎c<|user|>⏎d<|assistant|>⏎⟦<think>S</think>⏎e<|user|>⟧"
    )
    assert "⟦" not in text([*talk, user("f")], "ms-swift-glm4.5-last-round")
    # A tool result is a last round as well.
    assert "Hm" not in text(TWO_CALLS, "ms-swift-glm4.7-last-round")


def test_ignore_empty_think() -> None:
    assert text([user("a"), answer("b")], "ms-swift-glm4.7-ignore-empty-think") == "<|user|>a<|assistant|></think>⟦b<|user|>⟧"
    call = [user("a"), answer("", ("f", {}))]
    assert text(call, "ms-swift-glm4.5-ignore-empty-think") == (
        "<|user|>⏎a<|assistant|>⏎<think></think>⟦<tool_call>f⏎</tool_call><|observation|>⟧"
    )
    assert text(call) == "<|user|>⏎a<|assistant|>⟦<think></think>⏎<tool_call>f⏎</tool_call><|observation|>⟧"


def test_turns_in_a_row_and_at_the_ends() -> None:
    assert text([user("a"), user("b"), answer("c"), answer("d")]) == "<|user|>⏎ab<|assistant|>⏎⟦<think></think>⏎cd<|user|>⟧"
    assert text([answer("a")]) == "<|user|>⏎<|assistant|>⏎⟦<think></think>⏎a<|user|>⟧"
    assert text([user("a")], "ms-swift-glm4.7") == "<|user|>a<|assistant|></think>"
    assert text([user("a"), tool("b"), answer("c")], "ms-swift-glm4.7") == (
        "<|user|>a<|observation|><tool_response>b</tool_response><|assistant|>⟦</think>c<|user|>⟧"
    )
    # A call without a result: both tags are trained.
    assert "⟦</think><tool_call>f</tool_call><|observation|><|user|>⟧b" in text(
        [user("a"), answer("", ("f", {})), user("b"), answer("c")], "ms-swift-glm4.7"
    )


def test_a_user_tag_that_a_user_types_first_is_not_trained() -> None:
    assert "⟦</think>b<|user|>⟧<|user|>c" in text([user("a"), answer("b"), user("<|user|>c"), answer("d")], "ms-swift-glm4.7")


def test_results_follow_the_order_of_their_calls() -> None:
    calls = answer("", ("f", {}), ("g", {}))
    for call, id in zip(calls["tool_calls"], "xy", strict=True):
        call["id"] = id
    results = [tool("second") | {"tool_call_id": "y"}, tool("first") | {"tool_call_id": "x"}]
    assert "first</tool_response><tool_response>second" in text([user("a"), calls, *results], "ms-swift-glm4.7")
    assert "second</tool_response><tool_response>first" in text(
        [user("a"), calls, results[0], results[1] | {"tool_call_id": "z"}], "ms-swift-glm4.7"
    )


def test_tools_and_system() -> None:
    talk = [{"role": "system", "content": " S "}, user("a"), answer("b")]
    tools = [{"name": "f", "parameters": {"properties": {"p": None, "q": {"default": None, "type": None}}}}]
    head = '{"type": "function", "function": {"name": "f", "parameters": {"properties": {"q": {"default": null}}}}}'
    assert text(talk).startswith("<|system|>⏎ S <|user|>")
    both, alone = text(talk, "ms-swift-glm4.7", tools=tools), text(talk[1:], "ms-swift-glm4.7", tools=tools)
    assert both.startswith("<|system|># Tools")
    assert head in both
    assert "...</tool_call><|system|>⏎S<|user|>a" in both
    assert alone.startswith("<|system|>⏎# Tools")
    assert "...</tool_call><|user|>a" in alone


def test_a_messages_own_loss() -> None:
    talk = [user("a"), answer("b", loss=False), user("c"), answer("d", loss_scale=0.0)]
    assert text(talk, "ms-swift-glm4.7") == "<|user|>a<|assistant|></think>b<|user|>c<|assistant|></think>d⟦<|user|>⟧"


def test_an_answer_that_looks_like_react() -> None:
    talk = [user("a"), answer("Action: f\nAction Input: x"), tool("r"), answer("b")]
    assert text(talk, "ms-swift-glm4.7") == "<|user|>a<|assistant|>⟦</think>Action: f⏎Action Input: x⏎Observation:⟧r⏎⟦</think>b<|user|>⟧"


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([user("a"), answer("b"), {"role": "system", "content": "s"}, user("c")], "AssertionError"),
        ([tool("a"), answer("b")], "ValueError"),
        ([user("a"), answer("b"), tool("c"), user("d")], "AssertionError"),
        ([user(None), answer("b")], "AssertionError"),
        ([user("a"), answer("", ("f", "not JSON"))], "AssertionError"),
        ([user("a"), answer("", ("f", "[1]"))], "AttributeError"),
        ([{"role": "system", "content": "s"}], "AssertionError"),
    ],
)
def test_what_it_refuses(messages: list[dict[str, Any]], error: str) -> None:
    with pytest.raises(RecipeRejects, match=error) as found:
        glm4viz.label(messages, IDS[0])
    assert found.value.sentence("zh") != found.value.sentence("en")


def test_arguments_as_text_are_parsed() -> None:
    for arguments in ('{"城": 1.50}', "{'城': 1.5}", {"城": 1.5}):
        assert "<arg_key>城</arg_key><arg_value>1.5</arg_value>" in text([user("a"), answer("", ("f", arguments))], "ms-swift-glm4.7")


def test_max_length_refuses() -> None:
    size = len(glm4viz.label(TWO_CALLS, IDS[0]))
    assert len(glm4viz.label(TWO_CALLS, IDS[0], max_length=size)) == size
    with pytest.raises(RecipeRejects, match="MaxLengthError"):
        glm4viz.label(TWO_CALLS, IDS[0], max_length=size - 1)


@pytest.mark.parametrize("recipe", IDS)
def test_a_batch_gives_what_single_samples_give(recipe: str) -> None:
    batch = glm4viz.label_batch(GOLDEN45.values(), recipe, max_length=150)
    given = list(GOLDEN45.values())
    assert batch.errors
    assert len(batch) + len(batch.errors) == len(given)
    for row, source in enumerate(batch.source.tolist()):
        single = glm4viz.label(given[source]["messages"], recipe, tools=given[source]["tools"], max_length=150)
        assert batch.input_ids[batch.offsets[row] : batch.offsets[row + 1]].tolist() == single.input_ids.tolist()
        assert batch.labels[batch.offsets[row] : batch.offsets[row + 1]].tolist() == single.labels.tolist()
