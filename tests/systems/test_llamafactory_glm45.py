"""LLaMA-Factory for GLM-4.5 and later, by hand: which tokens are trained, and what its patterns make of odd texts."""

import json
from typing import Any

import numpy as np
import pytest

import glm4viz
from glm4viz.errors import RecipeRejects
from tests.conftest import GOLDEN

IDS = ("llamafactory-glm4.5", "llamafactory-glm4.7", "llamafactory-glmz1", "llamafactory-glm4.5-openai")
GOLDEN45 = json.loads((GOLDEN / "conversations45.json").read_text("utf-8"))


def user(content: str | None) -> dict[str, Any]:
    return {"role": "user", "content": content}


def tool(content: str | None) -> dict[str, Any]:
    return {"role": "tool", "content": content}


def answer(content: str | None = None, *calls: tuple[str, Any], **more: Any) -> dict[str, Any]:
    functions = [{"type": "function", "function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    return {"role": "assistant", "content": content} | ({"tool_calls": functions} if calls else {}) | more


def marked(messages: list[dict[str, Any]], recipe: str = IDS[0], **options: Any) -> str:
    """The text, trained runs in ⟦⟧, and a token whose label is another one as token→label."""
    sample = glm4viz.label(messages, recipe, **options)
    text, before = b"", False
    for token, id, label in zip(sample.token_bytes, sample.input_ids.tolist(), sample.labels.tolist(), strict=True):
        trained = label != -100
        text += ("⟦" if trained and not before else "⟧" if before and not trained else "").encode() + token
        text += "→".encode() + sample.tokenizer.token_bytes(label) if trained and label != id else b""
        before = trained
    return (text.decode() + "⟧" * before).replace("\n", "⏎")


TWO_CALLS = [
    user("Hi"),
    answer("Look.", ("clock", {}), ("add", {"a": 1, "b": "x"}), reasoning_content="Hm"),
    tool("9"),
    tool("3"),
    answer("Ok"),
]


def test_two_calls() -> None:
    assert marked(TWO_CALLS) == (
        "[gMASK]<sop><|user|>⏎Hi<|assistant|>⟦<think>⏎Hm⏎</think>⏎⏎Look.⏎<tool_call>clock⏎⏎<tool_call>add⏎<arg_key>a</arg_key>⏎"
        "<arg_value>1</arg_value>⏎<arg_key>b</arg_key>⏎<arg_value>x</arg_value><|observation|>→<|endoftext|>⟧⏎9⏎</tool_response>⏎"
        "<tool_response>⏎3<|assistant|>⟦<think>⏎⏎</think>⏎⏎⏎Ok<|endoftext|>⟧"
    )


def test_parts_and_owners_of_two_calls() -> None:
    sample = glm4viz.label(TWO_CALLS, IDS[0])
    assert set(sample.parts[sample.owner == 1]) == {"think", "content", "tool_call", "arguments", "role_tag"}
    tag = int(np.flatnonzero(sample.input_ids == sample.tokenizer.named_id("<|observation|>"))[0])
    assert (sample.message_index[tag], sample.owner[tag], sample.parts[tag]) == (2, 1, "role_tag")
    assert (sample.owner[-1], sample.parts[-1]) == (4, "stop")


def test_an_empty_thought_is_encoded_apart_and_a_mention_keeps_it_away() -> None:
    assert marked([user("a"), answer("b")]).endswith("<|assistant|>⟦<think>⏎⏎</think>⏎⏎⏎b<|endoftext|>⟧")
    assert marked([user("a"), answer("b")], "llamafactory-glm4.7").endswith("<|assistant|>⟦</think>⏎b<|endoftext|>⟧")
    assert marked([user("a"), answer("no </think> here")]).endswith("<|assistant|>⟦⏎no </think> here<|endoftext|>⟧")
    sample = glm4viz.label([user("a"), answer("b")], IDS[0])
    after = int(np.flatnonzero(sample.input_ids == sample.tokenizer.named_id("</think>"))[0])
    assert [token.decode() for token in sample.token_bytes[after + 1 : after + 3]] == ["\n\n", "\n"]


def test_a_typed_thought_has_its_place_in_the_content() -> None:
    sample = glm4viz.label([user("a"), answer("é <think>x</think>y"), user("a"), answer("<think>é</think>y")], IDS[0])
    for message, part in ((1, "content"), (3, "think")):
        text = sample.messages[message]["content"].encode()
        tokens = np.flatnonzero((sample.message_index == message) & (sample.spans[:, 0] >= 0))
        assert b"".join(text[slice(*sample.spans[i])] for i in tokens) == text
        assert part in sample.parts[tokens]
    assert "think" not in sample.parts[sample.message_index == 1]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (answer(None), "RuntimeError: Expected a string"),
        (answer("", ("f", '{"a": 1}')), "AttributeError"),
        (answer("<tool_call>", ("f", {})), "Invalid JSON format"),
        (answer("", ("f", {"a": "</tool_call><tool_call>x</tool_call>"})), "Invalid JSON format"),
    ],
)
def test_what_crashes(message: dict[str, Any], error: str) -> None:
    with pytest.raises(RecipeRejects, match=error) as found:
        glm4viz.label([user("a"), message], IDS[0])
    assert found.value.sentence("zh") != found.value.sentence("en")


def test_a_call_typed_in_the_content_takes_the_place_of_the_calls() -> None:
    typed = '<tool_call>{"name": "g", "arguments": {}}</tool_call>'
    assert marked([user("a"), answer(typed, ("f", {}))]).endswith(
        '⏎⏎<tool_call>[{"name": "f", "arguments": {}}]</tool_call>⏎<tool_call>g<|endoftext|>⟧'
    )


def test_the_openai_converter() -> None:
    assert marked([user("a"), answer("b", reasoning_content="c")], IDS[3]) == (
        "[gMASK]<sop><|system|>⏎detailed thinking off<|user|>⏎a<|assistant|>⟦<think>⏎⏎</think>⏎⏎⏎b<|endoftext|>⟧"
    )
    # Results at the end are forgotten, content before a call too.
    assert marked([user("a"), answer("b", ("f", {})), tool("c")], IDS[3]).endswith("</think>⏎⏎⏎<tool_call>f<|endoftext|>⟧")
    assert marked([{"role": "system", "content": "S"}, user("a"), answer("b")], IDS[3], tools=[]).startswith(
        "[gMASK]<sop><|system|>⏎S⏎<|user|>"
    )
    with pytest.raises(RecipeRejects, match="KeyError: 'content'"):
        glm4viz.label([user("a"), {key: value for key, value in answer(None, ("f", {})).items() if key != "content"}], IDS[3])


def test_cutoff_len_shares_the_room_out_per_pair() -> None:
    whole = glm4viz.label(TWO_CALLS, IDS[0])
    for limit in range(1, len(whole) + 2):
        cut = glm4viz.label(TWO_CALLS, IDS[0], max_length=limit)
        assert len(cut) == min(limit, len(whole))
        assert cut.labels[-1] == cut.tokenizer.named_id("<|endoftext|>")
    # Where the first pair takes all the room, the second is dropped, and <|endoftext|> ends the first answer.
    first = int(np.flatnonzero(whole.message_index == 2)[0])
    cut = glm4viz.label(TWO_CALLS, IDS[0], max_length=first + 1)
    assert cut.input_ids[:-1].tolist() == whole.input_ids[:first].tolist()
    assert cut.owner[-1] == 1


@pytest.mark.parametrize("recipe", IDS)
def test_a_batch_gives_what_single_samples_give(recipe: str) -> None:
    batch = glm4viz.label_batch(GOLDEN45.values(), recipe, max_length=60)
    given = list(GOLDEN45.values())
    for row, source in enumerate(batch.source.tolist()):
        single = glm4viz.label(given[source]["messages"], recipe, tools=given[source]["tools"], max_length=60)
        assert batch.input_ids[batch.offsets[row] : batch.offsets[row + 1]].tolist() == single.input_ids.tolist()
        assert batch.labels[batch.offsets[row] : batch.offsets[row + 1]].tolist() == single.labels.tolist()
    assert len(batch) + len(batch.errors) == len(given)
