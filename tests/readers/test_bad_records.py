"""What can't be read: a sentence with the place, and no good record lost."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.malformed import malformed
from tests.readers.forms import check_sentences, read

USER = {"role": "user", "content": "你好"}
BOT = {"role": "assistant", "content": "It's {fine} [ok]"}
GOOD = {"messages": [USER, BOT]}
LINE = json.dumps(GOOD, ensure_ascii=False)
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a":  1}'}}]}


# ---- what can't

BAD_RECORDS: list[tuple[Any, str, str]] = [  # record, field, a word of the sentence
    ({"messages": [USER, {"role": "human", "content": "x"}]}, "messages[1].role", "Write user"),
    ({"messages": [{"role": "gpt", "content": "x"}]}, "messages[0].role", "Write assistant"),
    ({"messages": [{"role": "bot", "content": "x"}]}, "messages[0].role", "Write assistant"),
    ({"messages": [{"role": "Model", "content": "x"}]}, "messages[0].role", "Write assistant"),
    ({"messages": [{"role": "User", "content": "x"}]}, "messages[0].role", "Write user"),
    ({"messages": [{"role": "Function", "content": "x"}]}, "messages[0].role", "Write observation"),
    ({"messages": [{"role": "wizard" * 20, "content": "x"}]}, "messages[0].role", "system, user, assistant, observation"),
    ({"messages": [{"role": None, "content": "x"}]}, "messages[0].role", "null"),
    ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role", "a list"),
    ({"messages": [{"content": "x"}]}, "messages[0].role", "missing"),
    ({"messages": [{"from": "human", "value": "x"}]}, "messages[0].role", 'Rename "from"'),
    ({"messages": [USER, BOT, {"role": "user"}]}, "messages[2].content", "missing"),
    ({"messages": [{"role": "user", "content": 42}]}, "messages[0].content", "a number (42)"),
    ({"messages": [{"role": "user", "content": 10**60}]}, "messages[0].content", "a number"),
    ({"messages": [{"role": "user", "content": True}]}, "messages[0].content", "true"),
    ({"messages": [{"role": "user", "content": {"text": "x"}}]}, "messages[0].content", "keys: 'text'"),
    ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "empty list"),
    ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]", "a number (5)"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages[0].content[0]", "image_url"),
    ({"messages": ["hello"]}, "messages[0]", "not a message"),
    ({"messages": "hello"}, "messages", "not a list"),
    ({"messages": {"role": "user"}}, "messages", "not a list"),
    ({"messages": None}, "messages", "null"),
    ({"messages": []}, "messages", "empty"),
    ({"messages": [{"role": "user", "content": "\ud83d"}]}, "messages[0].content", "half a character"),
    ({"messages": [{"role": "assistant", "content": "x", "metadata": "\ud83d"}]}, "messages[0].metadata", "half a character"),
    (
        {"messages": [{"role": "system", "content": "", "tools": [{"function": {"name": "\ud83d"}}]}]},
        "messages[0].tools[0].function.name",
        "half a character",
    ),
    ({"messages": [USER], "tools": [{"\ud83d": 1}]}, "tools[0]", "half a character"),
    ({"messages": [USER], "tools": "[}"}, "tools", "should hold JSON"),
    ({"messages": [{**CALL, "role": "user"}]}, "messages[0].role", "Only an assistant"),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": "{}"}}]}]},
        "messages[0].tool_calls[0].function.name",
        "null",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 5}}]}]},
        "messages[0].tool_calls[0].function.arguments",
        "a number (5)",
    ),
    ({"messages": [{"role": "assistant", "tool_calls": "f()"}]}, "messages[0].tool_calls", "'f()'"),
    (USER, "messages", "single message"),
    ({"text": "x"}, "messages", "found keys: 'text'"),
    (5, "", "a number (5)"),
    ("hello", "", "'hello'"),
    (None, "", "null"),
]


@pytest.mark.parametrize(("record", "field", "word"), BAD_RECORDS, ids=[f"{field or 'record'}: {word}" for _, field, word in BAD_RECORDS])
def test_bad_records(record: Any, field: str, word: str) -> None:
    bad_line = json.dumps(record)
    for text, line in ((f"{LINE}\n{bad_line}\n{LINE}", 2), (f"[\n{LINE},\n{bad_line},\n{LINE}\n]", 3)):
        good, (error,) = read(text.encode())
        assert [one.messages for one in good] == [GOOD["messages"]] * 2
        assert [one.index for one in good] == [0, 2]
        assert (error.line, error.field) == (line, field)
        assert word in str(error)
        assert len(str(error)) < 220
        check_sentences(error)


def test_a_raw_lone_surrogate_in_a_str_is_found_too() -> None:
    _, (error,) = read(json.dumps([{"role": "user", "content": "\ud83d"}], ensure_ascii=False))
    assert error.field == "messages[0].content"
    check_sentences(error)


BAD_TEXTS: list[tuple[str, str, int, str]] = [  # name, broken record (one line), column of the fault, a word of the sentence
    ("python", "{'messages': [{'role': 'user', 'content': open}]}", 2, "Python literal"),
    ("None", '{"messages": [{"role": "user", "content": None + None}]}', 43, "json.dumps"),
    ("trailing comma", '{"messages": [{"role": "user", "content": "x",}]}', 47, "Remove it"),
    ("trailing comma in list", '{"messages": [{"role": "user", "content": "x"},]}', 48, "Remove it"),
    ("comment", '{"messages": [ // hi\t{"role": "user", "content": "x"}]}', 16, "comment"),
    ("unquoted key", '{messages: [{"role": "user", "content": "x"}]}', 2, "'messages' has no quotes"),
    ("curly quotes", '{“messages”: [{"role": "user", "content": "x"}]}', 2, "Curly quotes"),
    ("full-width comma", '{"messages": [{"role": "user"，"content": "x"}]}', 30, "full-width"),
    ("cut", '{"messages": [{"role": "user", "content": "x"}', 47, "Add the missing ]}"),
    ("cut in a text", '{"messages": [{"role": "user", "content": "x', 43, "not closed on its line"),
    ("wrong bracket", '{"messages": [{"role": "user", "content": "x"}}', 47, "A ] is missing before this }"),
    ("no comma", '{"messages": [{"role": "user" "content": "x"}]}', 31, "comma is missing"),
    ("no colon", '{"messages" [{"role": "user", "content": "x"}]}', 13, "colon"),
    ("bare quote", '{"messages": [{"role": "user", "content": "a "b" c"}]}', 47, 'as \\".'),
    ("bad escape", '{"messages": [{"role": "user", "content": "C:\\dir"}]}', 46, "backslash"),
    ("control character", '{"messages": [{"role": "user", "content": "a\tb"}]}', 45, "\\t"),
    ("no value", '{"messages": [{"role": "user", "content": undefined}]}', 43, "'undefined' is no JSON value"),
    ("too deep", '{"messages": ' + "[" * 5000 + "]" * 5000 + "}", 1, "nested too deeply"),
    ("too long number", '{"id": ' + "7" * 5000 + ', "messages": []}', 1, "too many digits"),
    ("prose", "hello world", 1, "This is not JSON"),
]


@pytest.mark.parametrize(("broken", "column", "word"), [case[1:] for case in BAD_TEXTS], ids=[case[0] for case in BAD_TEXTS])
def test_bad_texts(broken: str, column: int, word: str) -> None:
    for text, line in ((f"{LINE}\n{broken}\n{LINE}", 2), (f"[\n{LINE},\n{broken},\n{LINE}\n]", 3)):
        good, (error,) = read(text.encode())
        assert [one.messages for one in good] == [GOOD["messages"]] * 2
        assert (error.line, error.column) == (line, column)
        assert word in str(error)
        check_sentences(error)
    alone, errors = read(io.BytesIO(broken.encode()))
    assert not alone
    assert [word in str(error) for error in errors] == [True]


@pytest.mark.parametrize(
    ("text", "records", "place", "word"),
    [
        (f"[\n{LINE},\n{LINE},\n]", 2, (3, len(LINE) + 1), "comma after the last"),
        (f"[\n{LINE}\n{LINE}\n]", 2, (3, 1), "comma is missing"),
        (f"[\n{LINE},\n{LINE}\n", 2, (1, 1), "never closed"),
        (f"{LINE},\n{LINE},\n", 2, (1, len(LINE) + 1), "JSON Lines"),
        (f"{LINE}\n{LINE}\n]", 2, (3, 1), "JSON Lines"),
        (f"[ // mine\n{LINE},\n{LINE}\n]", 2, (1, 3), "comment"),
        (f'{LINE}\n{{"messages": [{{"role": "user", "content": "one\ntwo"}}]}}\n{LINE}', 2, (2, 43), "Lines 2 to 3 were skipped"),
        (f'[{LINE}, {{"messages": [{json.dumps(USER)}, {LINE}]', 2, (1, len(LINE) + 61), "Add the missing ]}"),
        (json.dumps([GOOD, GOOD], indent=1).replace('"user"', "user", 1), 1, (5, 13), "'user' is no JSON value"),
        (json.dumps([GOOD["messages"]] * 3).replace("}],", "},", 1), 2, (1, 1 + len(json.dumps(GOOD["messages"]))), "Add the missing ]"),
    ],
)
def test_broken_layouts(text: str, records: int, place: tuple[int, int], word: str) -> None:
    good, errors = read(text)
    assert [one.messages for one in good] == [GOOD["messages"]] * records
    assert len(errors) == 1
    assert word in str(errors[0])
    assert (errors[0].line, errors[0].column) == place
    check_sentences(errors[0])


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "nothing in it"),
        (b" \r\n\n", "nothing in it"),
        (b"\xef\xbb\xbf", "nothing in it"),
        (b"\x89PNG\r\n\x1a\n\0", "a PNG image"),
        (b"PK\x03\x04....", "a zip archive"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (b"PAR1....", "a Parquet file"),
        (b"\x01\x02\0\x03", "not a text file"),
        ("hello".encode("utf-16-le"), "UTF-16"),
        (b"\xff\xfe" + LINE.encode("utf-16-le") + b"\0", "UTF-16"),
    ],
)
def test_not_text(data: bytes, word: str, tmp_path: Path) -> None:
    path = tmp_path / "upload.bin"
    path.write_bytes(data)
    for source in (data, path, io.BytesIO(data)):
        good, (error,) = read(source)
        assert not good
        assert word in str(error)
        assert error.file == (str(path) if source is path else "")
        check_sentences(error)


def test_wrong_encoding_is_said_for_each_record_and_the_rest_is_read(tmp_path: Path) -> None:
    data = b"\n".join([LINE.encode(), LINE.encode("gbk"), b'{"messages": [{"role": "user", "content": "\xff"}]}', LINE.encode()])
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(data)
    column = LINE.index("你") + 1
    for source in (data, path, b"[" + data.replace(b"\n", b",\n") + b"]"):
        good, errors = read(source)
        assert [one.line for one in good] == [1, 4]
        assert [error.line for error in errors] == [2, 3]
        assert f"byte {column} of the line is 0xC4" in str(errors[0])
        assert errors[0].column == column
        assert "GB18030" in str(errors[0])
        assert "GB18030" not in str(errors[1])
        for error in errors:
            check_sentences(error)


def test_no_such_file(tmp_path: Path) -> None:
    for source, word in ((tmp_path, "a folder"), (tmp_path / "no.jsonl", "no file"), ("no.jsonl", "no file"), ("a\0b", "no file")):
        good, (error,) = read(source)
        assert not good
        assert error.file == str(source)
        assert word in str(error)
        check_sentences(error)
    closed = io.BytesIO()
    closed.close()
    check_sentences(read(closed)[1][0])


def test_malformed_inputs_lose_no_good_record() -> None:
    cases = list(malformed(seed=0))
    assert len(cases) >= 300
    for name, data, records in cases:
        good, errors = read(io.StringIO(data) if isinstance(data, str) else data)  # a str like null would be a file name
        assert (len(good), bool(errors)) == (records, True), name
        for error in errors:
            check_sentences(error)
            assert error.line >= 1, name
