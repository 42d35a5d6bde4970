"""JSON and JSONL in every form and encoding, and OpenAI's way of calling tools."""

import io
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from glm4viz.conversation import check_messages
from glm4viz.readers import read_conversations
from tests.readers.forms import read

USER = {"role": "user", "content": "你好"}
BOT = {"role": "assistant", "content": "It's {fine} [ok]"}
GOOD = {"messages": [USER, BOT]}
LINE = json.dumps(GOOD, ensure_ascii=False)
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a":  1}'}}]}


# ---- what can be read

SOURCES = {
    "object": (LINE, [1]),
    "array": (f"[{LINE}, {LINE}]", [1, 1]),
    "array by line": (f"[\n{LINE},\n{LINE}\n]\n", [2, 3]),
    "array of lists": (json.dumps([GOOD["messages"], GOOD["messages"]]), [1, 1]),
    "bare list": (json.dumps(GOOD["messages"]), [1]),
    "jsonl": (f"\n{LINE}\n\n{LINE}", [2, 4]),
    "jsonl of both": (f"{LINE}\n{json.dumps(GOOD['messages'])}\n", [1, 2]),
    "jsonl crlf": (f"{LINE}\r\n{LINE}\r\n", [1, 2]),
    "bom": (f"\ufeff{LINE}\n{LINE}", [1, 2]),
    "glued files": (f"\ufeff{LINE}\n\ufeff{LINE}", [1, 2]),
    "indented": (json.dumps(GOOD, indent=2), [1]),
    "indented array": (json.dumps([GOOD, GOOD], indent=2), [2, 14]),
    "indented values": (json.dumps(GOOD, indent=2) + "\n" + json.dumps(GOOD, indent="\t"), [1, 13]),
    "values on a line": (LINE + LINE, [1, 1]),
    "duplicate keys": ('{"messages": [], "messages": ' + json.dumps(GOOD["messages"]) + "}", [1]),
    "nan": (LINE[:-1] + ', "score": NaN, "best": -Infinity}', [1]),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("given", ["str", "bytes", "path", "upload", "utf-16"])
def test_reads(name: str, given: str, tmp_path: Path) -> None:
    text, lines = SOURCES[name]
    source: Any = {"str": text, "bytes": text.encode(), "upload": io.BytesIO(text.encode()), "utf-16": text.encode("utf-16")}.get(given)
    if given == "path":
        source = tmp_path / "data.jsonl"
        source.write_bytes(text.encode())
    good, bad = read(source)
    assert not bad
    assert [one.messages for one in good] == [GOOD["messages"]] * len(lines)
    assert [one.line for one in good] == lines
    assert [one.index for one in good] == list(range(len(lines)))
    assert {(one.format, one.notes) for one in good} == {("glm4", ())}
    assert {one.file for one in good} == {str(source) if given == "path" else ""}


def test_null_is_not_absent_and_nothing_is_dropped() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "", "tools": [{"name": "f", "args": {}}], "metadata": None},
        {"role": "user", "content": "x", "tools": None, "weight": 0.5},
        {"role": "assistant", "content": "{}", "metadata": "f", "loss": False, "tool_calls": None},
        {"role": "observation", "content": "3"},
    ]
    (one,), bad = read(json.dumps(messages))
    assert not bad
    assert one.messages == messages
    assert [list(message) for message in one.messages] == [list(message) for message in messages]
    assert (one.format, one.notes) == ("glm4", ())


def test_null_content_is_kept_with_a_note() -> None:
    (one,), _ = read(json.dumps([USER, {"role": "assistant", "content": None}]))
    assert one.messages[1] == {"role": "assistant", "content": None}
    assert [set(note) for note in one.notes] == [{"en", "zh"}]


def test_a_good_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(f"{LINE}\n" * 20_000, encoding="utf-8")
    conversations = read_conversations(path)
    next(conversations)
    assert next(conversations).line == 2
    assert isinstance(conversations, Generator)
    conversations.close()


def test_names_and_strings(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(LINE, encoding="utf-8")
    assert read(str(path))[0][0].file == str(path)
    with path.open("rb") as file:
        for _ in range(2):  # an upload is read from its start, however often
            assert read(file)[0][0].file == str(path)
    assert len(read(io.StringIO(LINE))[0]) == 1


def test_unknown_format() -> None:
    with pytest.raises(ValueError, match="auto, glm4, openai"):
        read_conversations(LINE, format="sharegpt4")


# ---- OpenAI's form


@pytest.mark.parametrize(
    ("record", "mapped", "notes"),
    [
        ([USER, CALL], [USER, {"role": "assistant", "content": '{"a":  1}', "metadata": "f"}], ["tool call"]),
        (
            [{**CALL, "content": "Let me see", "loss": True}],
            [
                {"role": "assistant", "content": "Let me see", "loss": True},
                {"role": "assistant", "content": '{"a":  1}', "metadata": "f", "loss": True},
            ],
            ["tool call"],
        ),
        (
            [{"role": "assistant", "tool_calls": [{"function": {"name": n, "arguments": {"城": n}}} for n in "ab"]}],
            [{"role": "assistant", "content": f'{{"城": "{n}"}}', "metadata": n} for n in "ab"],
            ["tool call", "parallel"],
        ),
        (
            [{"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}],
            [{"role": "assistant", "content": "{}", "metadata": "f"}],
            ["tool call"],
        ),
        (
            [{"role": "tool", "tool_call_id": "1", "name": "f", "content": "3"}] * 2,
            [{"role": "observation", "content": "3"}] * 2,
            ["tool_call_id"],
        ),
        ([{"role": "function", "name": "f", "content": "3"}], [{"role": "observation", "content": "3"}], ["observation"]),
        ([{"role": "developer", "content": "Be kind"}], [{"role": "system", "content": "Be kind"}], ["developer"]),
        (
            [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
            [{"role": "user", "content": "ab"}],
            ["joined"],
        ),
        ({"messages": [USER], "tools": [{"x": 1}]}, [{"role": "system", "content": "", "tools": [{"x": 1}]}, USER], ["first"]),
        (
            {"messages": [USER], "functions": [{"name": "f"}]},
            [{"role": "system", "content": "", "tools": [{"type": "function", "function": {"name": "f"}}]}, USER],
            ["first"],
        ),
    ],
)
def test_openai(record: Any, mapped: list[dict[str, Any]], notes: list[str]) -> None:
    for format in ("auto", "openai"):
        (one,), bad = read(json.dumps(record), format)
        assert not bad
        assert one.messages == mapped
        assert one.format == "openai"
        assert len(one.notes) == len(notes)
        assert all(word in note["en"] and note["zh"] != note["en"] for word, note in zip(notes, one.notes, strict=True))
    check_messages(one)
    good, (error,) = read(json.dumps(record), "glm4")
    assert not good
    assert "OpenAI" in str(error)
    assert "OpenAI" in error.sentence("zh")


def test_null_tools_of_a_record_are_nothing() -> None:
    (one,), _ = read(json.dumps({**GOOD, "tools": None}))
    assert one.format == "glm4"
