"""A run of glm4viz loss that was stopped goes on without a record twice or missing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from glm4viz.cli import app
from glm4viz.loss import batches, pieces
from tests.cli.loss_runs import GOOD, rows_of, run

pytestmark = pytest.mark.slow  # models are loaded


class Killed(BaseException):
    """As if the process had ended there: nothing that it would still do is done."""


@pytest.mark.usefixtures("each_its_own")
@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
@pytest.mark.parametrize("after", range(6))
def test_a_killed_run_goes_on(
    quick: list[int], file: Path, tmp_path: Path, ending: str, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas

    def table(path: Path) -> Any:
        return pandas.read_parquet(path) if ending == ".parquet" else pandas.read_json(path, lines=True)

    out, whole = tmp_path / f"rows{ending}", tmp_path / f"whole{ending}"
    expected = run(file, "-o", whole, "--json")
    answer, left = batches.__dict__["token_losses_batch"], [after]

    def dies(*given: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return answer(*given, **options)

    with monkeypatch.context() as patched:
        patched.setattr(batches, "token_losses_batch", dies)
        with pytest.raises(Killed):
            CliRunner().invoke(app, ["loss", str(file), "-o", str(out)], catch_exceptions=False)
    assert not out.exists()
    quick.clear()
    result = run(file, "-o", out, "--json")
    assert result.exit_code == 1
    assert sum(quick) == 6 - after, "what was computed is not computed again"
    pandas.testing.assert_frame_equal(table(out), table(whole))
    summaries = [json.loads(told.stdout.splitlines()[-1])["summary"] for told in (expected, result)]
    for summary in summaries:
        del summary["tokens_per_second"]
    assert summaries[0] == summaries[1]
    assert not out.with_name(f"{out.name}.parts").exists()


@pytest.mark.usefixtures("quick", "each_its_own")
@pytest.mark.parametrize("place", ["write", "remove"])
def test_a_run_that_is_killed_while_it_finishes_goes_on(file: Path, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "rows.jsonl"
    removed: list[Path] = []
    unlink = Path.unlink

    def dies(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".jsonl" and out.exists():
            if len(removed) == 3:
                raise Killed
            removed.append(path)
        unlink(path, missing_ok)

    def writes(_: pieces.Pieces) -> Iterator[bytes]:
        raise Killed
        yield b""

    with monkeypatch.context() as patched:
        if place == "remove":
            patched.setattr(Path, "unlink", dies)
        else:
            patched.setattr(pieces.Pieces, "_lines", writes)
        with pytest.raises(Killed):
            CliRunner().invoke(app, ["loss", str(file), "-o", str(out)], catch_exceptions=False)
    assert len(removed) == (3 if place == "remove" else 0)
    assert run(file, "-o", out).exit_code == 1
    assert [row["record"] for row in rows_of(out)] == list(range(8))
    assert not out.with_name(f"{out.name}.parts").exists()


@pytest.mark.usefixtures("quick", "each_its_own")
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_ctrl_c_ends_with_one_sentence_and_what_is_kept(file: Path, tmp_path: Path, lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "rows.jsonl"

    def stopped(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    real, seen = batches.__dict__["token_losses_batch"], [0]

    def second(*given: Any, **options: Any) -> Any:
        seen[0] += 1
        return stopped() if seen[0] > 2 else real(*given, **options)

    monkeypatch.setattr(batches, "token_losses_batch", second)
    result = run(file, "-o", out, "--lang", lang)
    assert result.exit_code == 130
    (said,) = result.stderr.splitlines()
    assert {"en": "Stopped after 2 records. The rows of 2 are kept", "zh": "已在 2 条记录后停止。其中 2 条"}[lang] in said
    assert f"{out}.parts" in said
    seen[0] = -100
    again = run(file, "-o", out, "--lang", lang)
    assert {"en": "has the rows of 2 records already", "zh": "已有 2 条记录"}[lang] in again.stderr
    assert len(rows_of(out)) == 8
    seen[0] = 1
    assert {"en": "Nothing is kept", "zh": "没有保存任何结果"}[lang] in run(file, "--lang", lang).stderr


@pytest.mark.usefixtures("quick", "each_its_own")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("data", ("other data", "别的数据")),
        ("recipe", ("another recipe", "别的配方")),
        ("limit", ("another recipe", "别的配方")),
        ("model", ("another model", "别的模型")),
    ],
)
def test_another_run_s_pieces_are_refused(
    file: Path, tmp_path: Path, change: str, words: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "rows.jsonl"
    with monkeypatch.context() as patched:
        patched.setattr(pieces.Pieces, "finish", lambda _: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            CliRunner().invoke(app, ["loss", str(file), "-o", str(out)], catch_exceptions=False)
    more: dict[str, list[object]] = {"recipe": ["--recipe", "xtuner"], "limit": ["--max-length", 9], "model": ["--model", "demo-no-stop"]}
    if change == "data":
        file.write_text(file.read_text("utf-8").replace("yes", "yea", 1), "utf-8")
    for lang, word in zip(("en", "zh"), words, strict=True):
        result = run(file, "-o", out, "--lang", lang, *more.get(change, []))
        assert result.exit_code == 2
        (said,) = result.stderr.splitlines()
        assert word in said
    (out.with_name("rows.jsonl.parts") / pieces.ABOUT).write_text("[]", "utf-8")
    assert run(file, "-o", out).exit_code == 2
    assert not out.exists()


def test_a_process_that_is_killed_goes_on(tmp_path: Path) -> None:
    path, out = tmp_path / "data.jsonl", tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"messages": GOOD[n % 6]}) + "\n" for n in range(40)), "utf-8")
    code = "from glm4viz.loss import batches, pieces\nfrom glm4viz.cli import app\nbatches.MOST = 1\npieces.SECONDS = 0\n"
    command = [sys.executable, "-c", f"{code}app(['loss', {str(path)!r}, '-o', {str(out)!r}])"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not list(tmp_path.glob("rows.jsonl.parts/0*3.jsonl")):
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it was killed before it was done"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "goes on" in done.stderr
    rows = rows_of(out)
    assert [row["record"] for row in rows] == list(range(40))
    for n, row in enumerate(rows):
        assert row["loss_sum"] == pytest.approx(rows[n % 6]["loss_sum"], abs=1e-3)
