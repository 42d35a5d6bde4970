"""What is wrong with a record of each format is said, with the field as it stands in the file."""

import json
import random
from typing import Any

import pytest

from glm4viz.readers import FORMATS
from tests.malformed import LAYOUTS
from tests.readers.forms import DETECTED, TURNS, USER, check_sentences, read, sharegpt

# name of the format, broken record, field at fault as the file has it, a word of the sentence
BROKEN: list[tuple[str, Any, str, str]] = [
    ("sharegpt", {"conversations": "hello"}, "conversations", "not a list"),
    ("sharegpt", {"conversations": []}, "conversations", "empty"),
    ("sharegpt", {"conversations": None}, "conversations", "null"),
    ("sharegpt", {"conversations": ["hello"]}, "conversations[0]", "not a turn"),
    ("sharegpt", sharegpt(*TURNS, ("human", 5)), "conversations[4].value", "a number (5)"),
    ("sharegpt", sharegpt(("wizard", "x")), "conversations[0].from", "'wizard'"),
    ("sharegpt", sharegpt((["human"], "x")), "conversations[0].from", "a list"),  # type: ignore[arg-type]
    ("sharegpt", {"conversations": [{"value": "x"}]}, "conversations[0].from", "missing"),
    ("sharegpt", {"conversations": [{"from": "gpt", "text": "x"}]}, "conversations[0].value", "missing"),
    ("sharegpt", sharegpt(TURNS[0], ("function_call", "get_weather()")), "conversations[1].value", "character 1"),
    ("sharegpt", sharegpt(TURNS[0], ("function_call", "[]")), "conversations[1].value", "Write a call"),
    ("sharegpt", sharegpt(TURNS[0], ("function_call", '{"arguments": {}}')), "conversations[1].value", "null"),
    ("sharegpt", sharegpt(TURNS[0], ("function_call", '{"name": "f", "arguments": 5}')), "conversations[1].value", "a number (5)"),
    ("sharegpt", sharegpt(TURNS[0], ("function_call", '"\\ud83d"')), "conversations[1].value", "half a character"),
    ("sharegpt", sharegpt(TURNS[0], ("function_call", "7" * 5000)), "conversations[1].value", "should hold JSON"),
    ("sharegpt", sharegpt(*TURNS, system=5), "system", "a number (5)"),
    ("sharegpt", sharegpt(*TURNS, tools="f(x)"), "tools", "should hold JSON"),
    ("sharegpt", sharegpt(*TURNS, tools={"name": "f"}), "tools", "not a list"),
    ("sharegpt", sharegpt(("human", "\ud83d")), "conversations[0].value", "half a character"),
    ("alpaca", {"instruction": "x"}, "output", "missing"),
    ("alpaca", {"instruction": 5, "output": "y"}, "instruction", "a number (5)"),
    ("alpaca", {"instruction": "x", "input": ["y"], "output": "z"}, "input", "a list"),
    ("alpaca", {"instruction": "x", "output": {"a": 1}}, "output", "an object"),
    ("alpaca", {"instruction": "x", "output": "y", "history": "no"}, "history", "'no'"),
    ("alpaca", {"instruction": "x", "output": "y", "history": [["a", "b"], ["c"]]}, "history[1]", "a list of 1"),
    ("alpaca", {"instruction": "x", "output": "y", "history": [["a", 5]]}, "history[0][1]", "a number (5)"),
    ("alpaca", {"instruction": "\ud83d", "output": "y"}, "instruction", "half a character"),
    ("xtuner", {"conversation": "hello"}, "conversation", "not a list"),
    ("xtuner", {"conversation": [5]}, "conversation[0]", "not a turn"),
    ("xtuner", {"conversation": [{"input": "x", "output": "y"}, {"input": "x"}]}, "conversation[1].output", "missing"),
    ("xtuner", {"conversation": [{"output": "x"}]}, "conversation[0].input", "missing"),
    ("xtuner", {"conversation": [{"system": 5, "input": "x", "output": "y"}]}, "conversation[0].system", "a number (5)"),
    (
        "xtuner",
        {"conversation": [{"input": "x", "output": "y", "output_with_loss": "no"}]},
        "conversation[0].output_with_loss",
        "true or false",
    ),
    ("firefly", {"conversation": [{"human": "x", "assistant": "y"}, {"human": "x"}]}, "conversation[1].assistant", "missing"),
    ("firefly", {"conversation": [{"human": ["x"], "assistant": "y"}]}, "conversation[0].human", "a list"),
    ("firefly", {"conversation": [{"human": "x", "assistant": "\udc00"}]}, "conversation[0].assistant", "half a character"),
    ("chatglm2", {"prompt": "x", "response": None}, "response", "missing"),
    ("chatglm2", {"prompt": "x", "response": "y", "history": [[1, 2]]}, "history[0][0]", "a number (1)"),
    ("chatglm2", {"prompt": "x", "response": "y", "history": {"a": "b"}}, "history", "an object"),
    ("chatglm3", {"conversations": [USER, {"role": "gpt", "content": "x"}]}, "conversations[1].role", "Write assistant"),
    ("chatglm3", {"conversations": [USER, {"role": "assistant"}]}, "conversations[1].content", "missing"),
    ("chatglm3", {"conversations": [USER, {"role": "tool", "parameters": {}, "observation": ""}]}, "conversations[1].name", "missing"),
    ("chatglm3", {"conversations": [USER, {"role": "tool", "name": "f", "observation": ""}]}, "conversations[1].parameters", "null"),
    ("chatglm3", {"conversations": [USER, {"role": "tool", "name": "f", "parameters": {}}]}, "conversations[1].observation", "missing"),
    (
        "chatglm3",
        {"conversations": [{"role": "tool", "name": 5, "parameters": {}, "observation": ""}]},
        "conversations[0].name",
        "a number (5)",
    ),
    (
        "chatglm3",
        {"conversations": [{"role": "tool", "name": "f", "parameters": {}, "observation": 5}]},
        "conversations[0].observation",
        "(5)",
    ),
]


@pytest.mark.parametrize(("name", "record", "field", "word"), BROKEN, ids=[f"{name} {field}: {word}" for name, _, field, word in BROKEN])
def test_what_is_wrong_is_said_with_the_field_in_the_file(name: str, record: Any, field: str, word: str) -> None:
    good_line = json.dumps(DETECTED[name][0])
    for format in ("auto", name):
        good, (error,) = read(f"{good_line}\n{json.dumps(record)}\n{good_line}".encode(), format)
        assert [one.line for one in good] == [1, 3]
        assert (error.line, error.field) == (2, field)
        assert word in str(error)
        assert len(str(error)) < 220
        check_sentences(error)


@pytest.mark.parametrize("name", FORMATS[1:])
def test_a_format_that_is_asked_for_takes_no_other(name: str) -> None:
    for other, (record, *_) in DETECTED.items():
        same_field = {name, other} in ({"glm4", "openai"}, {"sharegpt", "chatglm3"}, {"xtuner", "firefly"})
        if other == name or same_field:
            continue
        good, (error,) = read(json.dumps(record), name)
        assert not good
        assert "format auto" in str(error)
        check_sentences(error)


def test_broken_records_of_each_format_lose_no_good_one() -> None:
    rng = random.Random(0)
    for name, (record, *_) in DETECTED.items():
        if isinstance(record, list):
            continue
        whole = json.dumps(record, ensure_ascii=False)
        for layout, lay_out in LAYOUTS.items():
            for _ in range(5):
                good = rng.randint(1, 4)
                records = [whole] * good
                records.insert(rng.randint(0, good), whole[: rng.randrange(len(whole) // 2, len(whole) - 2)])
                found, errors = read(lay_out([text.encode() for text in records]))
                assert (len(found), bool(errors)) == (good, True), (name, layout, records)
