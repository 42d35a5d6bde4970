"""glm4viz loss over a file: what it says, and the rows it writes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from glm4viz.cli import app
from glm4viz.loss.rows import COLUMNS
from tests.cli.loss_runs import GOOD, rows_of, run

pytestmark = pytest.mark.slow  # models are loaded

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


@pytest.mark.parametrize(("language", "name"), [("en", "loss-of-a-file.md"), ("zh", "loss-of-a-file.zh.md")])
def test_the_columns_are_told_in_the_guide(language: str, name: str) -> None:
    lines = (Path(__file__).parents[2] / "docs" / name).read_text("utf-8").splitlines()
    told = [line for line in lines if line.startswith("| `")]
    assert told == [f"| `{column}` | {kind} | {text[language]} |" for column, (kind, text) in COLUMNS.items()]
