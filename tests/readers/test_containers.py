"""Compressed files and CSV: whole, damaged and hostile."""

import gzip
import io
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard

from glm4viz.readers import unpack
from tests.readers.forms import SHAREGPT_LINES, as_messages, check_sentences, read, read_all

# ---- containers


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
    assert read_all(pack(b"prompt,response\na,b\n")) == [as_messages([("a", "b")], "")]


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
            assert read_all(source) == [as_messages(rounds, "") for rounds in expected]
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


@pytest.mark.slow
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
