"""Worker processes end with their parent, however it ends, and leave Ctrl-C to it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")]
PATIENCE = 60.0  # seconds; a bound, not an expectation


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More pieces than are done before the parent is ended, none of them quick: every record has a finding."""
    path = tmp_path_factory.mktemp("workers") / "large.jsonl"
    record = json.dumps({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "  \u200b " + "a " * 100}]})
    path.write_text((record + "\n") * 120_000, "utf-8")
    return path


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(child) for child, parent in map(str.split, listed.splitlines()) if int(parent) == pid]


def _hear_ctrl_c() -> None:
    """Tests may run in the background, where a shell has its children ignore the signal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(large: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    """The command in a session of its own, and its children: two workers and multiprocessing's resource tracker."""
    command = [sys.executable, "-m", "glm4viz", "check", str(large), "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=_hear_ctrl_c)
    end = time.monotonic() + PATIENCE
    while len(found := children(process.pid)) < 3:
        assert process.poll() is None, "it ended before its workers began"
        assert time.monotonic() < end
        time.sleep(0.01)
    return process, found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("after", [0.0, 2.0], ids=["at once", "at work"])
def test_workers_end_with_their_parent(large: Path, number: signal.Signals, after: float) -> None:
    process, workers = start(large)
    time.sleep(after)
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)  # ends when nobody holds its pipes any more
    assert process.returncode == -number
    end = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("after", [0.0, 0.3, 2.0])
def test_ctrl_c_shows_no_traceback(large: Path, after: float) -> None:
    process, _ = start(large)
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, b"")
    assert len(err.strip().splitlines()) <= 1, err  # that it was stopped, in a sentence
    assert b"Traceback" not in err
