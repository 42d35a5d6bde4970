"""glm4viz convert: what it writes, that it writes all or nothing, and with which status it ends."""

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from glm4viz import writing as module
from glm4viz.cli import app
from glm4viz.conversation import Conversation
from glm4viz.readers import read_conversations
from glm4viz.writing import to_line, whole_file
from tests.readers.forms import read
from tests.strategies import conversations

SHAREGPT = {"conversations": [{"from": "human", "value": "你好 😀\u2028"}, {"from": "gpt", "value": "Hi"}]}
MESSAGES = [{"role": "user", "content": "你好 😀\u2028"}, {"role": "assistant", "content": "Hi"}]
LINE = json.dumps({"messages": MESSAGES}, ensure_ascii=False) + "\n"


def run(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(app, ["convert", *map(str, arguments)], **options)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "data.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(SHAREGPT) + "\n", "utf-8")
    return path


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(conversations, max_size=4))
def test_glm4_s_own_format_comes_out_as_it_went_in(given_messages: list[list[dict[str, Any]]]) -> None:
    lines = b"".join(to_line(Conversation(messages)) for messages in given_messages)
    assert [one.messages for one in read(lines)[0]] == given_messages
    assert b"".join(to_line(one) for one in read(lines)[0]) == lines
    for line, messages in zip(lines.decode().split("\n"), given_messages, strict=False):
        assert line == json.dumps({"messages": messages}, ensure_ascii=False)


def test_writes_glm4_s_format(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    result = run(file, "-o", out)
    assert result.exit_code == 0
    assert out.read_text("utf-8") == LINE
    assert result.stdout == ""
    assert "1 conversation written" in result.stderr
    assert "ShareGPT" in result.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o666 & ~_umask()
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out.jsonl"}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_several_files_gzip_and_standard_streams(file: Path, tmp_path: Path) -> None:
    alpaca = tmp_path / "in" / "alpaca.csv"
    alpaca.write_text("instruction,output\nx,y\n", "utf-8")
    packed = tmp_path / "out.jsonl.gz"
    assert run(file, alpaca, file, "-o", packed).exit_code == 0
    expected = LINE + '{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}\n' + LINE
    assert gzip.decompress(packed.read_bytes()).decode() == expected
    assert run(packed, "-o", "-").stdout == expected
    assert run("-", "-o", "-", input=packed.read_bytes()).stdout == expected
    assert "2 conversations" in run(file, file, "-o", "-").stderr


def test_what_cannot_be_read_is_listed_and_the_rest_written(file: Path, tmp_path: Path) -> None:
    file.write_text(f'{LINE}{{"conversations": [{{"from": "human", "value": 5}}]}}\n{{1: 2}}\n{LINE}', "utf-8")
    out = tmp_path / "out.jsonl"
    for lang, word in (("en", "not a text"), ("zh", "不是文本")):
        result = run(file, "-o", out, "--lang", lang)
        assert result.exit_code == 1
        assert out.read_text("utf-8") == LINE * 2
        assert "data.jsonl:2 conversations[0].value" in result.stderr
        assert "data.jsonl:3" in result.stderr
        assert word in result.stderr


def test_a_format_can_be_asked_for(file: Path) -> None:
    assert run(file, "-o", "-", "--format", "sharegpt").stdout == LINE
    result = run(file, "-o", "-", "--format", "alpaca")
    assert (result.exit_code, result.stdout) == (1, "")


def test_a_good_file_is_not_replaced_by_nothing(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text(LINE, "utf-8")
    for bad in ("nonsense", "[]", ""):
        file.write_text(bad, "utf-8")
        assert run(file, "-o", out).exit_code == 1
        assert out.read_text("utf-8") == LINE
    assert run(tmp_path / "gone.jsonl", "-o", out).exit_code == 2
    assert out.read_text("utf-8") == LINE


def test_wrong_usage_ends_with_two(file: Path, tmp_path: Path) -> None:
    assert run(file).exit_code == 2
    assert run("-o", "-").exit_code == 2
    assert run(file, "-o", "-", "--format", "nope").exit_code == 2
    assert run(file, "-o", tmp_path).exit_code == 2
    assert run(file, "-o", tmp_path / "no" / "folder" / "out.jsonl").exit_code == 2


def test_links_stay_links_and_the_input_is_never_written_onto(file: Path, tmp_path: Path) -> None:
    other, link, hard, onto = (tmp_path / name for name in ("other.jsonl", "link.jsonl", "hard.jsonl", "onto.jsonl"))
    other.write_text("old", "utf-8")
    link.symlink_to(other)
    other.chmod(0o600)
    assert run(file, "-o", link).exit_code == 0
    assert link.is_symlink()
    assert other.read_text("utf-8") == LINE
    assert stat.S_IMODE(other.stat().st_mode) == 0o600
    hard.hardlink_to(file)
    onto.symlink_to(file)
    before = file.read_bytes()
    for out in (file, hard, onto):
        for lang, word in (("en", "another file"), ("zh", "换一个文件名")):
            result = run(other, file, "-o", out, "--lang", lang)
            assert (result.exit_code, file.read_bytes()) == (2, before)
            assert word in result.stderr


def test_a_device_is_written_to_and_not_replaced(file: Path) -> None:
    assert run(file, "-o", "/dev/null").exit_code == 0
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("nameless", [True, False])
@pytest.mark.parametrize("before", [None, LINE])
def test_a_file_is_whole_or_not_there(nameless: bool, before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not nameless:
        monkeypatch.setattr(module, "_open_nameless", lambda _: -1)
    out = tmp_path / "out.jsonl"
    if before is not None:
        out.write_text(before, "utf-8")
    with pytest.raises(TypeError), whole_file(out) as file:
        file.writelines([b"half", None])  # type: ignore[list-item]
    assert [path.read_text("utf-8") for path in tmp_path.iterdir()] == ([before] if before else [])
    with whole_file(out) as file:
        file.write(b"whole")
        assert not out.exists() or out.read_text("utf-8") == before
    assert [path.read_text("utf-8") for path in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize("before", [None, LINE])
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
@pytest.mark.slow
def test_killed_it_leaves_no_half_written_output(name: str, before: str | None, tmp_path: Path) -> None:
    out = tmp_path / name
    if before:
        out.write_text(before, "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "glm4viz", "convert", "-", "-o", str(out)], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin
    process.stdin.write(LINE.encode() * 50_000)  # far more than a pipe holds: once it is taken, the process is in the midst of it
    process.stdin.flush()
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdin.close()
    assert (out.read_text("utf-8") if out.exists() else None) == before
    if sys.platform == "linux":
        assert len(list(tmp_path.iterdir())) == bool(before)


def test_dates_in_a_table_are_written_as_text() -> None:
    import datetime

    line = to_line(Conversation([{"role": "user", "content": "x", "when": datetime.date(2031, 4, 9)}]))
    assert [one.messages[0]["when"] for one in read_conversations(line) if isinstance(one, Conversation)] == ["2031-04-09"]
