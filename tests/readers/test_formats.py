"""Every format is read to the right messages, and is told from the others."""

import json
from typing import Any

import pytest

from glm4viz.conversation import check_messages
from glm4viz.readers import FORMATS
from tests.readers.forms import (
    BOT,
    BOT2,
    CALL,
    CALL_TEXT,
    DETECTED,
    FOUR,
    FUNCTION,
    RESULT,
    ROUND,
    SYSTEM,
    TOOL,
    TURNS,
    USER,
    USER2,
    read,
    sharegpt,
)

# name, record, what it is read to, words of the notes in their order
CASES: list[tuple[str, Any, list[dict[str, Any]], list[str]]] = [
    # ---- ShareGPT
    ("sharegpt", sharegpt(*TURNS), FOUR, ["ShareGPT"]),
    ("sharegpt", sharegpt(*TURNS, id="x1", system="你是导游。"), [SYSTEM, *FOUR], ["ShareGPT", "system text became"]),
    ("sharegpt", sharegpt(("system", "你是导游。"), *TURNS), [SYSTEM, *FOUR], ["ShareGPT"]),
    ("sharegpt", sharegpt(("system", "你是导游。"), *TURNS, system="你是导游。"), [SYSTEM, *FOUR], ["ShareGPT"]),
    ("sharegpt", sharegpt(("system", "你是导游。"), *TURNS, system="Other"), [SYSTEM, *FOUR], ["ShareGPT", "left out"]),
    ("sharegpt", sharegpt(*TURNS, system="", tools=""), FOUR, ["ShareGPT"]),
    ("sharegpt", sharegpt(*TURNS, system=None, tools=None), FOUR, ["ShareGPT"]),
    (
        "sharegpt",
        sharegpt(("user", "a"), ("assistant", "b")),
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        [""],
    ),
    *(
        ("sharegpt", sharegpt(("human", "a"), (who, "b")), [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], [""])
        for who in ("chatgpt", "bing", "bard", "model")
    ),
    (
        "sharegpt",
        sharegpt(TURNS[0], ("function_call", CALL_TEXT), ("observation", RESULT["content"]), TURNS[1], tools=json.dumps([FUNCTION])),
        [{"role": "system", "content": "", "tools": [TOOL]}, USER, CALL, RESULT, BOT],
        ["ShareGPT", "tool call", "wrapped", "placed first"],
    ),
    (
        "sharegpt",
        sharegpt(
            TURNS[0], ("function_call", json.loads(CALL_TEXT)), ("tool", RESULT["content"]), TURNS[1], system="你是导游。", tools=[TOOL]
        ),
        [{**SYSTEM, "tools": [TOOL]}, USER, CALL, RESULT, BOT],
        ["ShareGPT", "tool call", "system text became", "on the system message"],
    ),
    ("sharegpt", sharegpt(TURNS[0], ("function_call", f"[{CALL_TEXT}, {CALL_TEXT}]")), [USER, CALL, CALL], ["", "tool call", "parallel"]),
    (
        "sharegpt",
        sharegpt(("human", "x"), ("function_call", '{"name": "f", "arguments": "{\\"a\\":  1}"}')),
        [{"role": "user", "content": "x"}, {"role": "assistant", "metadata": "f", "content": '{"a":  1}'}],
        ["", "tool call"],
    ),
    (
        "sharegpt",
        {"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y", "loss": False, "markdown": "m", "text": None}]},
        [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "loss": False}],
        ["ShareGPT", "left out: markdown"],
    ),
    ("sharegpt", sharegpt(*TURNS)["conversations"], FOUR, ["ShareGPT"]),
    (
        "sharegpt",
        sharegpt(("human", "x"), ("gpt", None)),
        [{"role": "user", "content": "x"}, {"role": "assistant", "content": None}],
        ["", "null"],
    ),
    # ---- Alpaca
    ("alpaca", {"instruction": USER["content"], "input": "", "output": BOT["content"]}, [USER, BOT], ["line break"]),
    ("alpaca", {"instruction": USER["content"], "output": BOT["content"], "text": "### Instruction: …"}, [USER, BOT], ["Alpaca"]),
    (
        "alpaca",
        {"instruction": "翻译成英文", "input": "你好", "output": "Hello"},
        [{"role": "user", "content": "翻译成英文\n你好"}, {"role": "assistant", "content": "Hello"}],
        ["Alpaca"],
    ),
    (
        "alpaca",
        {"instruction": USER2["content"], "input": None, "output": BOT2["content"], "system": "你是导游。", "history": [ROUND]},
        [SYSTEM, *FOUR],
        ["Alpaca", "system text became"],
    ),
    (
        "alpaca",
        {"instruction": "", "input": USER["content"], "output": "", "history": []},
        [USER, {"role": "assistant", "content": ""}],
        [""],
    ),
    (
        "alpaca",
        {"instruction": USER["content"], "input": "", "output": BOT["content"], "tools": json.dumps([TOOL]), "history": None},
        [{"role": "system", "content": "", "tools": [TOOL]}, USER, BOT],
        ["Alpaca", "placed first"],
    ),
    # ---- XTuner
    (
        "xtuner",
        {
            "conversation": [
                {"system": "你是导游。", "input": USER["content"], "output": BOT["content"], "output_with_loss": True},
                {"system": "", "input": USER2["content"], "output": BOT2["content"], "output_with_loss": False},
            ]
        },
        [SYSTEM, USER, BOT, USER2, {**BOT2, "loss": False}],
        ["XTuner", "output_with_loss"],
    ),
    ("xtuner", {"conversation": [{"input": USER["content"], "output": BOT["content"]}]}, [USER, BOT], ["XTuner"]),
    (
        "xtuner",
        {"conversation": [{"system": None, "input": "", "output": "plain text", "output_with_loss": None, "need_eos_token": False}]},
        [{"role": "user", "content": ""}, {"role": "assistant", "content": "plain text"}],
        ["XTuner", "left out: need_eos_token"],
    ),
    # ---- Firefly
    (
        "firefly",
        {
            "conversation_id": 1,
            "category": "Brainstorming",
            "conversation": [{"human": u["content"], "assistant": b["content"]} for u, b in ((USER, BOT), (USER2, BOT2))],
        },
        FOUR,
        ["Firefly"],
    ),
    (
        "firefly",
        {"system": "你是导游。", "conversation": [{"human": ROUND[0], "assistant": ROUND[1]}]},
        [SYSTEM, USER, BOT],
        ["", "system"],
    ),
    # ---- ChatGLM2
    ("chatglm2", {"prompt": USER["content"], "response": BOT["content"], "history": []}, [USER, BOT], ["history, prompt and response"]),
    ("chatglm2", {"prompt": USER2["content"], "response": BOT2["content"], "history": [ROUND]}, FOUR, ["ChatGLM2"]),
    ("chatglm2", {"prompt": USER["content"], "response": BOT["content"]}, [USER, BOT], ["ChatGLM2"]),
    ("chatglm2", {"content": USER["content"], "summary": BOT["content"]}, [USER, BOT], ["content and summary"]),
    # ---- ChatGLM3
    ("chatglm3", {"conversations": [SYSTEM, *FOUR]}, [SYSTEM, *FOUR], ["ChatGLM3"]),
    ("chatglm3", {"conversations": [USER, {**BOT, "loss": False}]}, [USER, {**BOT, "loss": False}], ["ChatGLM3"]),
    (
        "chatglm3",
        {
            "tools": [FUNCTION],
            "conversations": [
                SYSTEM,
                USER,
                {"role": "tool", "name": "get_weather", "parameters": {"city": "苏州", "days": 2}, "observation": RESULT["content"]},
                BOT,
            ],
        },
        [{**SYSTEM, "tools": [TOOL]}, USER, CALL, RESULT, BOT],
        ["ChatGLM3", "tool entry", "wrapped", "on the system message"],
    ),
    (
        "chatglm3",
        {
            "tools": None,
            "conversations": [USER, {"role": "tool", "name": "f", "parameters": "{}", "observation": {"热": 1}, "loss": False}],
        },
        [USER, {"role": "assistant", "metadata": "f", "content": "{}", "loss": False}, {"role": "observation", "content": '{"热": 1}'}],
        ["ChatGLM3", "tool entry", "written as JSON"],
    ),
    (
        "chatglm3",
        {"tools": [TOOL], "conversations": [USER, CALL, RESULT, BOT]},
        [{"role": "system", "content": "", "tools": [TOOL]}, USER, CALL, RESULT, BOT],
        ["", "first"],
    ),
    (
        "chatglm3",
        {"conversations": [USER, {"role": "tool", "content": "3", "tool_call_id": "1"}]},
        [USER, {"role": "observation", "content": "3"}],
        ["", "tool_call_id"],
    ),
    # ---- OpenAI, with a system message of its own
    ("openai", {"messages": [SYSTEM, USER], "tools": [TOOL]}, [{**SYSTEM, "tools": [TOOL]}, USER], ["on the system message"]),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{number} {case[0]}" for number, case in enumerate(CASES)])
def test_each_format_is_read_to_the_right_messages(case: tuple[str, Any, list[dict[str, Any]], list[str]]) -> None:
    name, record, messages, words = case
    for text in (json.dumps(record), json.dumps([record, record], ensure_ascii=False, indent=2)):
        for format in ("auto", name):
            good, bad = read(text.encode(), format)
            assert not bad
            for one in good:
                assert one.messages == messages
                assert one.format == name
                assert len(one.notes) == len(words)
                assert all(word in note["en"] and note["zh"] != note["en"] for word, note in zip(words, one.notes, strict=True))
                check_messages(one)
            assert len(good) == (1 if text.startswith(json.dumps(record)) else 2)


@pytest.mark.parametrize("name", DETECTED)
def test_which_is_which(name: str) -> None:
    for record in DETECTED[name]:
        assert [one.format for one in read(json.dumps(record))[0]] == [name]
    assert set(DETECTED) == set(FORMATS) - {"auto"}


def test_mixed_formats_in_one_file() -> None:
    records = [records[0] for records in DETECTED.values()]
    good, bad = read("\n".join(map(json.dumps, records)))
    assert [one.format for one in good] == list(DETECTED)
    assert not bad
