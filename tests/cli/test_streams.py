"""What is written suits any output: its encoding, a terminal that text could steer, and a runner that would take text for a command."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENCODINGS = ("gbk", "cp1252", "latin-1", "ascii", "utf-8")
HOSTILE = "a\x1b[2J\x1b]0;title\x07b\u202e\u200b\x9b31m\r\n::error file=x::said by the data\n  ::add-mask::e\n##[add-mask]e 🦙✓"
COMMANDS = ("label", "compare", "check", "loss", "convert")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hostile text in every place a record has for it, in the file's name too; one record that can't be read, one that no recipe takes."""
    name = "::error::🦙.jsonl" if os.name == "nt" else "::error::🦙\x1b[2J\n::add-mask::e.jsonl"
    path = tmp_path_factory.mktemp("hostile") / name
    tools = [{"type": "function", "function": {"name": HOSTILE, "description": HOSTILE, "parameters": {HOSTILE: HOSTILE}}}]
    messages = [
        {"role": "system", "content": "", "tools": tools},
        {"role": "user", "content": HOSTILE},
        {"role": "assistant", "metadata": HOSTILE, "content": HOSTILE},
        {"role": "observation", "content": HOSTILE},
        {"role": "assistant", "metadata": "", "content": HOSTILE, HOSTILE: HOSTILE},
    ]
    records = [{"messages": messages}, {"messages": [{"role": HOSTILE, "content": HOSTILE}]}, {HOSTILE: HOSTILE}]
    path.write_text("".join(json.dumps(record) + "\n" for record in [*records, records[0]]), "utf-8")
    return path


def run(command: str, file: Path, *options: str, folder: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    rest = ["-o", str(folder / "out.jsonl")] if command == "convert" else []
    whole = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"} | env
    line = [sys.executable, "-m", "glm4viz", command, str(file), *rest, *options]
    return subprocess.run(line, capture_output=True, check=False, env=whole, cwd=folder)


@pytest.mark.parametrize("command", COMMANDS)
def test_text_steers_no_terminal_and_commands_no_runner(command: str, hostile: Path, tmp_path: Path) -> None:
    result = run(command, hostile, folder=tmp_path, GITHUB_ACTIONS="true")
    assert result.returncode == 1
    said = (result.stdout + b"\n" + result.stderr).decode()
    assert "Traceback" not in said
    steering = {char for char in said if not char.isprintable() and char != "\n"}
    assert steering == set()
    assert [line for line in said.splitlines() if line.lstrip().startswith("::") or "##[" in line] == []


@pytest.mark.parametrize("command", ["label", "compare", "check", "loss"])
def test_json_stays_json_with_a_runner_and_in_any_encoding(command: str, hostile: Path, tmp_path: Path) -> None:
    plain = [json.loads(line) for line in run(command, hostile, "--json", folder=tmp_path).stdout.splitlines()]
    for encoding in ENCODINGS:
        out = run(command, hostile, "--json", folder=tmp_path, PYTHONIOENCODING=encoding, GITHUB_ACTIONS="true").stdout.decode(encoding)
        assert not any(line.lstrip().startswith("::") or "##[" in line for line in out.splitlines())
        assert list(map(json.loads, out.splitlines())) == plain


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_no_encoding_is_too_small(encoding: str, lang: str, hostile: Path, tmp_path: Path) -> None:
    for command in ("label", "compare", "check", "convert"):
        result = run(command, hostile, "--lang", lang, folder=tmp_path, PYTHONIOENCODING=encoding)
        assert result.returncode == 1
        assert b"Traceback" not in result.stderr
        (result.stdout + result.stderr).decode(encoding)
    good = ROOT / "sample_data" / "01-one-turn-zh.json"
    said = run("check", good, folder=tmp_path, PYTHONIOENCODING=encoding).stdout.decode(encoding)
    assert ("✓" if encoding == "utf-8" else "OK") + " Nothing was found" in said
    table = subprocess.run(
        [sys.executable, "-m", "glm4viz", "recipes", "--lang", lang], capture_output=True, check=True, env={"PYTHONIOENCODING": encoding}
    )
    assert "7fcaeba" in table.stdout.decode(encoding)


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("command", ["label", "compare", "check", "loss"])
def test_a_bar_on_the_terminal_takes_nothing_from_the_output(command: str, hostile: Path, tmp_path: Path) -> None:
    import pty

    expected = run(command, hostile, "--json", folder=tmp_path).stdout
    ours, terminal = pty.openpty()
    line = [sys.executable, "-m", "glm4viz", command, str(hostile), "--json"]
    env = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=terminal, env=env, cwd=tmp_path) as process:
        os.close(terminal)
        reader = threading.Thread(target=_drain, args=(ours,))
        reader.start()
        assert process.stdout is not None
        found = process.stdout.read()
    reader.join()
    os.close(ours)
    timing = re.compile(rb'"tokens_per_second": [^,}]+')
    assert timing.sub(b"", found) == timing.sub(b"", expected)


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the other end is closed
        pass
