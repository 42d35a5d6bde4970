"""Every format and container: what each is read to, which is which, and what is said about what can't be read."""

import csv
import gzip
import io
import itertools
import json
import random
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from glm4viz.conversation import Conversation, check_messages
from glm4viz.readers import FORMATS, read_conversations, unpack
from tests.malformed import LAYOUTS
from tests.readers.test_readers import check_sentences, read
from tests.strategies import texts

SYSTEM = {"role": "system", "content": "你是导游。"}
USER = {"role": "user", "content": "苏州有什么好玩的？"}
BOT = {"role": "assistant", "content": "可以去拙政园。"}
USER2 = {"role": "user", "content": "How long does it take?"}
BOT2 = {"role": "assistant", "content": "About two hours. 😀"}
CALL = {"role": "assistant", "metadata": "get_weather", "content": '{"city": "苏州", "days": 2}'}
RESULT = {"role": "observation", "content": '{"temp": 21}'}
FUNCTION = {"name": "get_weather", "description": "天气", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
TOOL = {"type": "function", "function": FUNCTION}
CALL_TEXT = '{"name": "get_weather", "arguments": {"city": "苏州", "days": 2}}'


def sharegpt(*turns: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {"conversations": [{"from": who, "value": value} for who, value in turns], **more}


TURNS = [("human", USER["content"]), ("gpt", BOT["content"]), ("human", USER2["content"]), ("gpt", BOT2["content"])]
FOUR = [USER, BOT, USER2, BOT2]
ROUND = [USER["content"], BOT["content"]]

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


DETECTED = {
    "glm4": [
        {"messages": [USER]},
        [USER],
        {"messages": [USER], "conversations": [], "instruction": "x"},
        {"messages": [USER], "tools": []},
    ],
    "openai": [{"messages": [USER], "tools": [TOOL]}, [{"role": "tool", "content": "x"}]],
    "sharegpt": [sharegpt(*TURNS), sharegpt(*TURNS, instruction="x"), {"conversations": [{"from": "human", "value": "", "role": "user"}]}],
    "chatglm3": [{"conversations": [USER]}, {"conversations": [{**USER, "from": None, "value": None}]}],
    "firefly": [{"conversation": [{"human": "x", "assistant": "y"}]}, {"conversation": [{"human": "x", "assistant": "y", "input": None}]}],
    "xtuner": [{"conversation": [{"input": "x", "output": "y"}]}],
    "alpaca": [{"instruction": "x", "output": "y"}, {"instruction": "x", "output": "y", "prompt": "p", "response": "r"}],
    "chatglm2": [{"prompt": "x", "response": "y"}, {"content": "x", "summary": "y"}],
}


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


# ---- there and back


def _as(name: str, rounds: list[tuple[str, str]], system: str) -> dict[str, Any]:
    """A conversation of rounds in each format, each holding a system text in its own way."""
    *history, (question, answer) = rounds
    with_system = {"system": system} if system else {}
    if name == "sharegpt":
        return sharegpt(*(turn for u, b in rounds for turn in (("human", u), ("gpt", b))), **with_system)
    if name == "firefly":
        return {**with_system, "conversation": [{"human": u, "assistant": b} for u, b in rounds]}
    if name == "xtuner":
        return {"conversation": [{"system": "" if at else system, "input": u, "output": b} for at, (u, b) in enumerate(rounds)]}
    if name == "alpaca":
        return {"instruction": question, "input": "", "output": answer, "history": [list(pair) for pair in history], **with_system}
    if name == "chatglm2":
        return {"prompt": question, "response": answer, "history": [list(pair) for pair in history], **with_system}
    field = "conversations" if name == "chatglm3" else "messages"
    return {field: _messages(rounds, system)}


def _messages(rounds: list[tuple[str, str]], system: str) -> list[dict[str, Any]]:
    head = [{"role": "system", "content": system}] if system else []
    return head + [message for u, b in rounds for message in ({"role": "user", "content": u}, {"role": "assistant", "content": b})]


ROUNDS = st.lists(st.tuples(texts, texts), min_size=1, max_size=4)
CELLS = texts.map(lambda text: text.replace("\0", ""))  # a file with a zero byte in it isn't taken for text
RECORD_FORMATS = ("glm4", "sharegpt", "alpaca", "xtuner", "firefly", "chatglm2", "chatglm3")


@settings(max_examples=60, deadline=None)
@given(rounds=ROUNDS, system=texts, ascii_only=st.booleans())
def test_each_format_gives_back_what_was_put_in(rounds: list[tuple[str, str]], system: str, ascii_only: bool) -> None:
    for name in RECORD_FORMATS:
        (one,), bad = read(json.dumps(_as(name, rounds, system), ensure_ascii=ascii_only).encode(), name)
        assert not bad
        assert one.messages == _messages(rounds, system)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, ROUNDS), min_size=1, max_size=4), delimiter=st.sampled_from(",\t;"))
def test_csv_gives_back_what_was_put_in(rows: list[tuple[str, str, list[tuple[str, str]]]], delimiter: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["history", "prompt", "response", "id"])
    writer.writerows([json.dumps(history), prompt, response, 7] for prompt, response, history in rows)
    good, bad = read(out.getvalue().encode())
    assert not bad
    assert [one.messages for one in good] == [_messages([*history, (prompt, response)], "") for prompt, response, history in rows]


# ---- containers

SHAREGPT_LINES = b"".join(json.dumps(sharegpt(("human", f"问{n}"), ("gpt", f"答{n}"))).encode() + b"\n" for n in range(1000))


def read_all(source: Any) -> list[list[dict[str, Any]]]:
    good, bad = read(source)
    assert not bad
    assert [one.index for one in good] == list(range(len(good)))
    return [one.messages for one in good]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor(write_checksum=True).compress], ids=["gzip", "zstd"])
def test_compressed(pack: Any, tmp_path: Path) -> None:
    expected = read_all(SHAREGPT_LINES)
    half = SHAREGPT_LINES.index(b"\n", len(SHAREGPT_LINES) // 2) + 1
    path = tmp_path / "data.bin"  # the name says nothing
    for data in (pack(SHAREGPT_LINES), pack(SHAREGPT_LINES[:half]) + pack(SHAREGPT_LINES[half:]) + b"\0" * 512):
        path.write_bytes(data)
        for source in (data, path, io.BytesIO(data)):
            assert read_all(source) == expected
        with path.open("rb") as file:
            assert read_all(file) == expected
    for text in ("[\n" + ",\n".join(SHAREGPT_LINES.decode().splitlines()) + "\n]", SHAREGPT_LINES.decode()):
        assert read_all(pack(text.encode("utf-16"))) == expected
        assert read_all(pack(f"\ufeff{text}".encode())) == expected
    assert read_all(pack(b"prompt,response\na,b\n")) == [_messages([("a", "b")], "")]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor(write_checksum=True).compress], ids=["gzip", "zstd"])
def test_a_damaged_archive_gives_what_could_be_unpacked(pack: Any) -> None:
    noise = [json.dumps({"messages": [{"role": "user", "content": random.Random(n).randbytes(2000).hex()}]}) for n in range(400)]
    data = pack("\n".join(noise).encode())
    good, errors = read(data[: len(data) // 2])
    assert 100 < len(good) < 300
    assert "cut off" in str(errors[-1])
    spoilt = bytearray(data)
    spoilt[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    _, errors = read(bytes(spoilt))
    assert "archive" in str(errors[-1])
    for error in errors:
        check_sentences(error)
    good, (error,) = read(data[:20])
    assert not good
    assert "archive" in str(error)
    check_sentences(error)


def test_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glm4viz.readers.containers.LIMIT", 1_000_000)
    assert unpack.LIMIT > 1_000_000
    for bomb in (b" " * 5_000_000, b"\n" * 3 + b"x" * 5_000_000, b'{"messages": [\n' + b"\n" * 500_000, b"\xff\xfe" + b" \0" * 1_000_000):
        for pack in (gzip.compress, zstandard.ZstdCompressor().compress):
            good, errors = read(pack(bomb))
            assert not good
            assert "memory" in str(errors[-1])
            assert errors[-1].line >= 1
            check_sentences(errors[-1])
    many = gzip.compress(SHAREGPT_LINES * 20)  # long, but a line at a time
    assert len(read_all(many)) == 20_000


def test_nested_archives_are_named() -> None:
    _, (error,) = read(gzip.compress(gzip.compress(SHAREGPT_LINES)))
    assert "a gzip archive" in str(error)
    check_sentences(error)


def test_without_zstandard_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setattr(unpack, "_native_zstd", lambda: None)
    _, (error,) = read(zstandard.ZstdCompressor().compress(SHAREGPT_LINES))
    assert "glm4viz[formats]" in str(error)
    check_sentences(error)


def test_without_pyarrow_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "state.json").write_text('{"_data_files": []}')
    for source in (b"PAR1....", b"ARROW1..", b"\xff\xff\xff\xff\x10\0\0\0", tmp_path):
        _, (error,) = read(source)
        assert "glm4viz[formats]" in str(error)
        check_sentences(error)


def test_csv_columns(tmp_path: Path) -> None:
    rows = [
        ('instruction,input,output\n翻译,"你好,\n世界",Hello\n\nx,,y\n', [[("翻译\n你好,\n世界", "Hello")], [("x", "y")]]),
        ('prompt,response,history\r\nc,d,"[[""a"", ""b""]]"\r\ne,f,\r\n', [[("a", "b"), ("c", "d")], [("e", "f")]]),
        ('\ufeff"instruction"\t"output"\n"say ""hi"""\thi\n', [[('say "hi"', "hi")]]),
        ("id;response; prompt\n1;b;a", [[("a", "b")]]),
        ('id,messages\n1,"[{""role"": ""user"", ""content"": ""a""}, {""role"": ""assistant"", ""content"": ""b""}]"\n', [[("a", "b")]]),
        ('conversations\n"[{""from"": ""human"", ""value"": ""a""}, {""from"": ""gpt"", ""value"": ""b""}]"\n', [[("a", "b")]]),
    ]
    for text, expected in rows:
        path = tmp_path / "data.txt"
        path.write_bytes(text.encode())
        for source in (text.encode(), path, text, text.encode("utf-16")):
            assert read_all(source) == [_messages(rounds, "") for rounds in expected]
    assert [one.line for one in read(rows[0][0])[0]] == [2, 5]
    long = "长" * 500_000
    assert read_all(f"prompt,response\na,{long}\n")[0][1]["content"] == long


def test_csv_rows_that_cannot_be_read_hide_no_other() -> None:
    text = (
        "prompt,response,history\n"
        "a,b,\n"
        "a,b\n"  # 3
        'a,"never closed,\n'  # 4
        "a,b,\n"
        '"x" y,b,\n'  # 6
        "a,b,not json\n"  # 7
        "a,b,\n"
        '"a\nb",b,\n'
        'a,"open at the end\n'  # 11
        "a,b,\n"
    )
    good, errors = read(text.encode())
    assert [one.line for one in good] == [2, 5, 8, 9, 12]
    assert [error.line for error in errors] == [3, 4, 6, 7, 11]
    assert [word in str(error) for word, error in zip(["2 cells", "CSV", "CSV", "history", "CSV"], errors, strict=True)] == [True] * 5
    assert errors[3].field == "history"
    good, (wrong,) = read(b"prompt,response\na,b\n" + "中文,b\n".encode("gbk") + b"c,d\n")
    assert len(good) == 2
    assert (wrong.line, wrong.column) == (3, 1)
    assert "GB18030" in str(wrong)
    _, (half,) = read('prompt,response\n"\ud83d",b\n')
    assert half.field == "prompt"
    for error in (*errors, wrong, half):
        check_sentences(error)


def test_csv_that_names_no_conversation(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("question,reply\na,b\n")
    _, (error,) = read(path)
    assert "'question', 'reply'" in str(error)
    check_sentences(error)


def test_hostile_csv_is_done_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glm4viz.readers.tables._LONGEST_ROW", 100_000)
    good, errors = read(b"prompt,response\n" + b'a,"b\n' * 20_001)
    assert not good
    assert len(errors) == 20_001
    good, errors = read(b'prompt,response\na,"b\n' + b"a,b\n" * 50_000)
    assert (len(good), len(errors)) == (50_000, 1)
    good, errors = read(b"prompt,response\n" + b'a","\n' * 100_000)  # from wherever one starts, nothing ever closes it
    assert len(errors) < 100
    assert "were skipped" in "".join(map(str, errors))
    assert not read('messages\n"' + "[" * 100_000 + '"\n')[0]


ROWS = [
    {"messages": [{"role": "system", "content": "", "tools": [TOOL]}, USER, CALL, RESULT, BOT]},
    {"messages": [USER, {**BOT, "loss": False}]},
]


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _arrow_stream(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=300)
    return out.getvalue()


def _arrow_file(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=300)
    return out.getvalue()


@pytest.mark.parametrize("write", [_parquet, _arrow_stream, _arrow_file])
def test_tables(write: Any, tmp_path: Path) -> None:
    for name in RECORD_FORMATS:
        expected = [_messages([(f"问{n}", "答")] * (n % 3 + 1), "系统" * (1 - n % 2)) for n in range(700)]
        records = [_as(name, [(f"问{n}", "答")] * (n % 3 + 1), "系统" * (1 - n % 2)) for n in range(700)]
        data = write(pa.Table.from_pylist(records))
        path = tmp_path / "table"
        path.write_bytes(data)
        with path.open("rb") as file:
            for source in (data, path, io.BytesIO(data), file, file):
                good, bad = read(source)
                assert not bad
                assert [one.messages for one in good] == expected
            assert [(one.index, one.line) for one in good] == [(n, n + 1) for n in range(700)]
            assert {one.format for one in good} == {name}


def test_tables_keep_null_and_say_so() -> None:
    good, bad = read(_parquet(pa.Table.from_pylist(ROWS)))
    assert not bad
    assert good[1].messages == [
        {**USER, "tools": None, "metadata": None, "loss": None},
        {**BOT, "tools": None, "metadata": None, "loss": False},
    ]
    assert ["null that may have been absent" in note["en"] for note in good[1].notes] == [True]
    (one,), _ = read(_parquet(pa.Table.from_pylist([{"messages": [USER, BOT], "note": None}])))
    assert one.notes == ()
    assert one.messages == [USER, BOT]


def _json_lists(rows: list[list[str]]) -> pa.Array:
    offsets = [0, *itertools.accumulate(map(len, rows))]
    return pa.ListArray.from_arrays(offsets, pa.ExtensionArray.from_storage(pa.json_(), pa.array([text for row in rows for text in row])))


def test_tables_with_json_texts() -> None:
    # What `datasets` makes of messages with different keys, and what people make by themselves.
    as_json = _json_lists([[json.dumps(message) for message in row["messages"]] for row in ROWS])
    as_text = pa.array([json.dumps(row["messages"]) for row in ROWS])
    for column in (as_json, as_text):
        assert read_all(_parquet(pa.table({"messages": column, "id": [1, 2]}))) == [row["messages"] for row in ROWS]
    tools = pa.table({"conversations": [sharegpt(*TURNS)["conversations"]], "tools": [json.dumps([FUNCTION])]})
    assert read_all(_parquet(tools)) == [[{"role": "system", "content": "", "tools": [TOOL]}, *FOUR]]
    bad_text = pa.table({"messages": ["nonsense", json.dumps([USER])]})
    bad_json = pa.table({"messages": _json_lists([["nonsense"], [json.dumps(USER)]])})
    half = pa.table({"messages": _json_lists([['{"role": "user", "content": "\\ud83d"}'], [json.dumps(USER)]])})
    for table in (bad_text, bad_json, half):
        good, (error,) = read(_parquet(table))
        assert [one.line for one in good] == [2]
        assert error.line == 1
        assert error.field.startswith("messages")
        check_sentences(error)


def test_tables_that_store_turns_field_by_field() -> None:
    for key, turns in (
        ("messages", {"role": ["user", "assistant"], "content": ["a", "b"]}),
        ("conversations", {"from": ["human", "gpt"], "value": ["a", "b"]}),
    ):
        assert read_all(_parquet(pa.Table.from_pylist([{key: turns}]))) == [_messages([("a", "b")], "")]
    _, (error,) = read(_parquet(pa.Table.from_pylist([{"messages": {"role": ["user"], "content": []}}])))
    assert error.field == "messages"


def test_rows_that_are_not_utf8_hide_no_other() -> None:
    texts = pa.array([b"good", b"\xff\xfe", b"fine"]).cast(pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 3, texts.buffers())
    good, (error,) = read(_arrow_stream(pa.table({"prompt": broken, "response": ["a", "b", "c"]})))
    assert [one.line for one in good] == [1, 3]
    assert (error.line, "UTF-8" in str(error)) == (2, True)
    check_sentences(error)


def test_damaged_tables() -> None:
    table = pa.Table.from_pylist([{"prompt": f"{n}", "response": "x"} for n in range(1000)])
    for data, word in ((_parquet(table), "a Parquet file"), (_arrow_stream(table), "an Arrow file"), (_arrow_file(table), "an Arrow file")):
        _, (error,) = read(data[: len(data) // 2])
        assert word in str(error)
        check_sentences(error)
    good, _ = read(_arrow_stream(table)[:-5000])
    assert len(good) >= 300  # what comes before


def test_saved_datasets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    made = datasets.Dataset.from_list([{"prompt": f"{n}", "response": "x"} for n in range(25)])
    expected = [_messages([(f"{n}", "x")], "") for n in range(25)]
    made.save_to_disk(tmp_path / "one", num_shards=3)
    assert read_all(tmp_path / "one") == expected
    assert read_all(str(tmp_path / "one")) == expected
    datasets.DatasetDict(train=made, test=made.select(range(2))).save_to_disk(tmp_path / "two")
    good, _ = read(tmp_path / "two")
    assert [one.messages for one in good] == expected + expected[:2]
    assert [(one.file, one.line, one.index) for one in good[-3:]] == [
        (str(tmp_path / "two" / "train"), 25, 24),
        (str(tmp_path / "two" / "test"), 1, 25),
        (str(tmp_path / "two" / "test"), 2, 26),
    ]


def test_damaged_dataset_folders(tmp_path: Path) -> None:
    secret = tmp_path / "secret.arrow"
    secret.write_bytes(_arrow_stream(pa.table({"prompt": ["a"], "response": ["b"]})))
    folder = tmp_path / "saved"
    folder.mkdir()
    for state in ("nonsense", "{}", '{"_data_files": [{"filename": "../secret.arrow"}]}', '{"_data_files": [{"filename": "gone.arrow"}]}'):
        (folder / "state.json").write_text(state)
        good, (error,) = read(folder)
        assert not good
        assert error.file
        check_sentences(error)


def test_memory_stays_flat(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "data.jsonl.gz"
    table = tmp_path / "data.parquet"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(20):
            file.write(SHAREGPT_LINES)
    record = sharegpt(*TURNS)
    pq.write_table(pa.Table.from_pylist([record] * 20_000), table, row_group_size=20_000)
    for source in (path, table):
        tracemalloc.start()
        count = sum(isinstance(one, Conversation) for one in read_conversations(source))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == 20_000
        assert peak < 12_000_000
