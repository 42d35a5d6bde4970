"""glm4viz loss with one's own model: what it takes is said first, fewer bits, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from glm4viz.cli import app
from glm4viz.loss import loading, plan_load
from tests.loss.models import ROWS, save_layout

pytestmark = pytest.mark.slow  # models are loaded
PATIENCE = 120  # seconds


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_layout(tmp_path_factory.mktemp("own"), "glm4", ROWS)


def _file(directory: Path, words: int) -> Path:
    messages = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "one two " * words}]
    path = directory / "one.json"
    path.write_text(json.dumps({"messages": messages}), "utf-8")
    return path


@pytest.mark.parametrize(("lang", "words"), [("en", "are free"), ("zh", "可用")])
def test_what_it_takes_is_said_on_standard_error(own: Path, tmp_path: Path, lang: str, words: str) -> None:
    command = ["loss", str(_file(tmp_path, 3)), "--model", str(own), "--device", "cpu", "--lang", lang]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert words in shown.stderr
    as_json = CliRunner().invoke(app, [*command, "--json"])
    assert [json.loads(line)["training_loss"] for line in as_json.stdout.splitlines()]


def test_no_room_is_a_sentence(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = plan_load(own, "cpu", "bfloat16").needed
    monkeypatch.setattr(loading, "free_memory", lambda _: needed)
    command = ["loss", str(_file(tmp_path, 3)), "--model", str(own), "--device", "cpu"]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2
    assert "as bfloat16" in refused.stderr
    assert CliRunner().invoke(app, [*command, "--dtype", "bfloat16"]).exit_code == 0


@pytest.mark.parametrize(("bits", "words"), [("4bit", "CUDA GPU"), ("3bit", "no way to quantize")])
def test_fewer_bits(own: Path, tmp_path: Path, bits: str, words: str) -> None:
    refused = CliRunner().invoke(app, ["loss", str(_file(tmp_path, 3)), "--model", str(own), "--device", "cpu", "--quantize", bits])
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert refused.stdout == ""


def _hear_ctrl_c() -> None:
    """Tests may run in the background, where a shell has its children ignore the signal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_while_it_loads_or_reads(own: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "glm4viz", "loss", str(_file(tmp_path, 20_000)), "--model", str(own), "--device", "cpu"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=_hear_ctrl_c)
    assert process.stderr is not None
    assert b"are free" in process.stderr.readline()  # from here on it loads, then reads for many seconds
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err
