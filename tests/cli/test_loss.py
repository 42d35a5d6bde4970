"""glm4viz loss over a file: what it says, the rows it writes, and that a run that was stopped goes on without a record twice or missing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from glm4viz.cli import app
from glm4viz.loss import batches, pieces
from glm4viz.loss.results import TokenLosses
from glm4viz.loss.rows import COLUMNS
from glm4viz.recipe import LabelledSample

pytestmark = pytest.mark.slow  # models are loaded

GOOD = [[{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "no " * n + "yes"}] for n in range(6)]
BAD = '{"messages": [{"role": "user", "content": "x"}, {"role": "cat", "content": "y"}]}'


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["loss", *map(str, arguments)])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A model that answers at once, each token costing its id's last digit; and how many samples it was asked about."""
    asked: list[int] = []

    def answer(_: object, samples: list[LabelledSample], *__: object, **___: object) -> list[TokenLosses]:
        asked.append(len(samples))
        return [_losses(sample) for sample in samples]

    monkeypatch.setattr(batches, "token_losses_batch", answer)
    return asked


def _losses(sample: LabelledSample) -> TokenLosses:
    nll = (sample.input_ids % 10).astype(np.float32)
    nll[0] = np.nan
    labels = np.where(sample.trained, nll, np.float32(np.nan)).astype(np.float32)
    none = np.ones((len(sample), 0))
    columns = nll, labels, np.ones_like(nll), np.ones(len(sample), np.int64), none.astype(np.int64), none.astype(np.float32)
    return TokenLosses(*columns, sample.weights, 151_552)


@pytest.fixture
def each_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window, and a piece, for every record."""
    monkeypatch.setattr(batches, "MOST", 1)
    monkeypatch.setattr(pieces, "SECONDS", 0.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    lines = [json.dumps({"messages": messages}) for messages in GOOD]
    path.write_text("\n".join([*lines[:2], BAD, "{broken", *lines[2:]]) + "\n", "utf-8")
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


# What it says ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_file_is_summed_up(quick: list[int], file: Path, lang: str) -> None:
    result = run(file, "--lang", lang)
    assert result.exit_code == 1, "two records have no loss"
    words = {
        "en": [
            "role",
            "part",
            "end of answer",
            "worst records",
            "worst tokens",
            "2 records have no loss: 2 can't be read",
            "tokens a second",
        ]
    }
    words["zh"] = ["角色", "部分", "回答结尾", "损失最高的记录", "损失最高的 token", "2 条记录没有损失：2 条无法读取", "每秒"]
    assert all(word in result.stdout for word in words[lang])
    assert len(result.stderr.splitlines()) == 2
    assert sum(quick) == 6


@pytest.mark.usefixtures("quick")
def test_json_has_a_line_for_each_record_and_the_summary(file: Path) -> None:
    result = run(file, "--json")
    *rows, last = map(json.loads, result.stdout.splitlines())
    assert [row["record"] for row in rows] == list(range(8))
    assert [row["record"] for row in rows if row["error"]] == [2, 3]
    assert all(row["sentence"] for row in rows if row["error"])
    summary = last["summary"]
    good = [row for row in rows if not row["error"]]
    assert (summary["records"], summary["unread"], summary["refused"], summary["failed"]) == (8, 2, 0, 0)
    assert summary["trained"] == sum(row["trained"] for row in good)
    assert summary["mean"] == pytest.approx(sum(row["loss_sum"] for row in good) / summary["trained"])
    for by in ("role", "part", "turn"):
        assert sum(group["share"] for group in summary[f"{by}s"]) == pytest.approx(1)
    assert summary["worst_records"][0] == max(good, key=lambda row: row["loss_mean"])
    assert "NaN" not in result.stdout


@pytest.mark.usefixtures("quick")
def test_what_a_recipe_refuses_is_counted_apart(file: Path) -> None:
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"messages": GOOD[0][:1]}) + "\n")
    summary = json.loads(run(file, "--json", "--recipe", "llamafactory").stdout.splitlines()[-1])["summary"]
    assert (summary["records"], summary["unread"], summary["refused"]) == (9, 2, 1)


def test_each_shows_records_as_a_single_one(file: Path, tmp_path: Path) -> None:
    single = tmp_path / "single.json"
    single.write_text(json.dumps({"messages": GOOD[0]}), "utf-8")
    first = json.loads(run(file, "--each", "--json").stdout.splitlines()[0])
    alone = json.loads(run(single, "--json").stdout)
    assert len(alone["nll"]) == len(alone["input_ids"])
    assert first["training_loss"] == pytest.approx(alone["training_loss"], abs=1e-4)
    assert first.keys() == alone.keys()


# Rows -----------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".parquet"])
def test_rows_are_written(file: Path, tmp_path: Path, ending: str) -> None:
    import pandas

    out = tmp_path / f"rows{ending}"
    assert run(file, "-o", out).exit_code == 1
    table = pandas.read_parquet(out) if ending == ".parquet" else pandas.read_json(out, lines=True)
    assert list(table.columns) == list(COLUMNS)
    assert table["record"].tolist() == list(range(8))
    assert table["line"].tolist() == list(range(1, 9))
    assert table["error"].notna().tolist() == [False, False, True, True, False, False, False, False]
    assert table["loss_sum_assistant"].sum() == pytest.approx(table["loss_sum"].sum())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["data.jsonl", out.name])


@pytest.mark.usefixtures("quick")
def test_standard_input_can_be_kept_too(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    result = CliRunner().invoke(app, ["loss", "-", "-o", str(out)], input=file.read_bytes())
    assert result.exit_code == 1
    assert len(rows_of(out)) == 8


# Stopped, and taken up again --------------------------------------------------------------------------------------------


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


# Wrong uses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("out", ["rows.csv", "rows", "-", "gone/rows.jsonl", "data.jsonl", "folder.jsonl"])
def test_an_output_that_cannot_be(file: Path, tmp_path: Path, out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.jsonl").mkdir()
    before = file.read_bytes()
    for lang in ("en", "zh"):
        result = run(file, "-o", out, "--lang", lang)
        assert (result.exit_code, result.stdout) == (2, "")
        assert len(result.stderr.splitlines()) == 1
    assert file.read_bytes() == before


def test_each_and_an_output_exclude_each_other(file: Path, tmp_path: Path) -> None:
    result = run(file, "--each", "-o", tmp_path / "rows.jsonl")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
