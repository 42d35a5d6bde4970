"""What needs no guess is mended, and said; a file is written whole or not at all."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given

import glm4viz
from glm4viz.linter.mend import mend
from tests.check.files import Messages, run, write
from tests.linter.cases import ASK, GOOD, RESULT, TELL, TOOL, TOOLS, WITH_CALL
from tests.malformed import good_record
from tests.strategies import conversations

# Mending --------------------------------------------------------------------------------------------------------------

MENDED = {
    "null metadata": ([ASK, {**TELL, "metadata": None}], [ASK, TELL]),
    "null tools": ([{**ASK, "tools": None}, TELL], [ASK, TELL]),
    "tools": (
        [{"role": "system", "content": "", "tools": [{"name": "f", "args": {"x": "A number"}}]}, ASK, TELL],
        [
            {
                "role": "system",
                "content": "",
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "f",
                            "description": "",
                            "parameters": {"type": "object", "properties": {"x": {"description": "A number"}}},
                        },
                    }
                ],
            },
            ASK,
            TELL,
        ],
    ),
    "copied tools": ([TOOLS, {**ASK, "tools": [TOOL]}, TELL], [TOOLS, ASK, TELL]),
    "byte order mark": ([{**ASK, "content": "\ufeff" + ASK["content"]}, TELL], [ASK, TELL]),
    "prefix": ([{**ASK, "content": "[gMASK]<sop>" + ASK["content"]}, TELL], [ASK, TELL]),
    "call": (
        [TOOLS, ASK, {"role": "assistant", "content": '{"name": "get_time", "arguments": {"zone": "UTC"}}'}, RESULT, TELL],
        WITH_CALL,
    ),
    "empty end": ([ASK, TELL, {"role": "user", "content": ""}], [ASK, TELL]),
}


@pytest.mark.parametrize("name", MENDED)
def test_what_needs_no_guess_is_mended_and_said(name: str) -> None:
    given_messages, wanted = MENDED[name]
    before = json.dumps(given_messages)
    mended, changes = mend(given_messages)
    assert mended == wanted
    assert json.dumps(given_messages) == before
    assert len(changes) == 1
    assert changes[0].sentence() != changes[0].sentence("zh")
    assert mend(mended) == (wanted, [])
    assert glm4viz.lint(mended) == []


@given(conversations)
def test_what_is_fine_is_left_alone(messages: Messages) -> None:
    mended, changes = mend(messages)
    assert bool(changes) or mended == messages
    if not glm4viz.lint(messages):
        assert changes == []


def test_fix_writes_what_could_be_read_and_lists_changes(tmp_path: Path) -> None:
    data, out = write(tmp_path / "a.jsonl", GOOD, "{'bad': 1}", [ASK, {**TELL, "metadata": None}]), tmp_path / "fixed.jsonl"
    result = run(data, "--fix", out)
    assert result.exit_code == 1
    assert "1 × null removed" in result.stdout
    assert result.stdout.strip().endswith("1 changed, 1 left out (1 unreadable, 0 dropped).")
    assert [json.loads(line) for line in out.read_text("utf-8").splitlines()] == [{"messages": GOOD}, {"messages": [ASK, TELL]}]
    (change,) = map(json.loads, (tmp_path / "fixed.jsonl.changes.jsonl").read_text("utf-8").splitlines())
    assert (change["line"], change["rule"], change["field"], change["before"]) == (3, "null", "messages[1].metadata", None)
    (left,) = map(json.loads, (tmp_path / "fixed.jsonl.rejected.jsonl").read_text("utf-8").splitlines())
    assert (left["line"], left["raw"]) == (2, "{'bad': 1}")
    assert run(out).exit_code == 0
    data.write_text("{'bad': 1}\n", "utf-8")
    assert run(data, "--fix", out).exit_code == 2
    assert len(out.read_text("utf-8").splitlines()) == 2, "a file that stands there is not replaced by an empty one"


@pytest.mark.slow
def test_kill_leaves_no_half_written_file(tmp_path: Path) -> None:
    rng = random.Random(5)
    data = write(tmp_path / "a.jsonl", *(good_record(rng)["messages"] for _ in range(20_000)))
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / "fixed.jsonl"
    out.write_text("old", "utf-8")
    command = [sys.executable, "-m", "glm4viz", "check", str(data), "--fix", str(out), "--workers", "1", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it is in the middle of its work
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert out.read_text("utf-8") == "old"
    if hasattr(os, "O_TMPFILE"):
        assert [path.name for path in out.parent.iterdir()] == ["fixed.jsonl"]
