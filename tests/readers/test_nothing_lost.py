"""What the reader takes that isn't quite JSON, what one bad line costs the others, and what is kept of each record as it stands."""

import json
import time
from typing import Any

import pytest

from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.readers import read_conversations
from glm4viz.readers.literal import LONGEST, PYTHON
from tests.readers.forms import read

RECORD = {"id": 7, "messages": [{"role": "user", "content": "it's 你好"}, {"role": "assistant", "content": "b", "loss": True}]}
LINE = json.dumps(RECORD, ensure_ascii=False)


@pytest.mark.parametrize("text", [repr(RECORD), repr([RECORD]), f"[{RECORD!r},\n {RECORD!r}]", repr(RECORD).replace(", ", ",\n ")])
def test_a_python_literal_is_read_and_said(text: str) -> None:
    for data in (text, text.encode(), f"{LINE}\n{text}\n{LINE}".encode()):
        good, errors = read(data)
        assert not errors
        assert all(one.messages == RECORD["messages"] and one.record == RECORD for one in good)
        assert PYTHON in good[len(good) // 2].notes


@pytest.mark.parametrize(
    "text",
    [
        "{'messages': __import__('os')}",
        "{'messages': [1 + 1, 'a']}",
        "{'a': {1}}",
        "{1: 'a'}",
        "{'a': b'x'}",
        "{'a': f'{1}'}",
        "{'a': " + "(" * 150 + ")" * 150 + "}",
        "{'a': " + "[" * 100_000 + "]" * 100_000 + "}",
        "{'a': " + "-" * 100_000 + "1}",
        "{'a': '" + "x" * LONGEST + "'}",
        '{"messages": [],}',
    ],
)
def test_nothing_else_is_taken_for_a_literal(text: str) -> None:
    good, errors = read(f"{LINE}\n{text}\n{LINE}".encode())
    assert len(good) == 2
    assert errors
    assert b"".join(error.raw for error in errors).startswith(text[:3].encode())


@pytest.mark.parametrize(
    "bad", [b'{"messages": [{"role": "user", "content": "a\0"}]}', b"\0" + LINE.encode(), b"\xff" + LINE.encode(), b'{"a":' * 100_000]
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_line_costs_no_other(bad: bytes, place: int) -> None:
    lines = [LINE.encode()] * 2
    lines.insert(place, bad)
    found = list(read_conversations(b"\n".join(lines)))
    assert [isinstance(one, ReadError) for one in found] == [nth == place for nth in range(3)]
    error = found[place]
    assert isinstance(error, ReadError)
    assert error.raw == bad
    assert error.line == place + 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_wide_text_is_read_with_and_without_a_mark(encoding: str) -> None:
    good, errors = read(f"{LINE}\n{LINE}\n".encode(encoding))
    assert [one.messages for one in good] == [RECORD["messages"]] * 2
    assert not errors


@pytest.mark.parametrize("data", [b'"' * 2_000_000, b'{"' * 1_000_000, b', {"' * 500_000, b"1 " * 1_000_000], ids=range(4))
def test_reading_is_linear(data: bytes) -> None:
    """Seconds where it took a minute: the bound is wide, because the machine may be busy."""
    start = time.process_time()
    assert all(isinstance(one, ReadError) for one in read_conversations(data))
    assert time.process_time() - start < 10


def test_tools_in_a_text_are_read_and_said() -> None:
    tools = [{"type": "function", "function": {"name": "f", "description": "", "parameters": {}}}]
    messages: list[dict[str, Any]] = [{"role": "system", "content": "", "tools": json.dumps(tools)}, *RECORD["messages"]]  # type: ignore[misc]
    for record in ({"messages": messages}, {"messages": RECORD["messages"], "tools": json.dumps(tools)}):
        (one,), errors = read(json.dumps(record).encode())
        assert not errors
        assert one.messages[0]["tools"] == tools
        assert any("text that holds JSON" in note["en"] for note in one.notes)
        assert one.record == record


def test_a_record_keeps_its_text() -> None:
    pretty = json.dumps(RECORD, indent=1)
    (one,) = read_conversations(pretty.encode())
    assert isinstance(one, Conversation)
    assert one.text == pretty
