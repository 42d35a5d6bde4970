"""The command line: what it prints and with which status it ends."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import app

MESSAGES = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！🦙"}]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"messages": MESSAGES}) + "\n{'bad': open}\n", "utf-8")
    return path


def test_label_marks_trained_text_without_colour(tmp_path: Path) -> None:
    path = tmp_path / "good.json"
    path.write_text(json.dumps({"messages": MESSAGES}), "utf-8")
    result = CliRunner().invoke(app, ["label", str(path)])
    assert result.exit_code == 0
    assert "<|assistant|>[\n你好！🦙<|endoftext|>]" in result.stdout


def test_label_as_json_is_the_library_s_sample(file: Path) -> None:
    result = CliRunner().invoke(app, ["label", str(file), "--json", "--max-length", "9"])
    good, bad = map(json.loads, result.stdout.splitlines())
    sample = glm4viz.label(MESSAGES, max_length=9)
    assert good["input_ids"] == sample.input_ids.tolist()
    assert good["labels"] == sample.labels.tolist()
    assert (bad["error"], bad["line"]) == ("ReadError", 2)
    assert result.exit_code == 1


def test_errors_name_the_place_in_the_chosen_language(file: Path) -> None:
    result = CliRunner().invoke(app, ["label", str(file), "--lang", "zh"])
    assert result.exit_code == 1
    assert "data.jsonl:2" in result.stderr
    assert "Python" in result.stderr


def test_recipes_are_listed() -> None:
    result = CliRunner().invoke(app, ["recipes", "--json"])
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == list(glm4viz.recipes())
    assert "7fcaeba" in CliRunner().invoke(app, ["recipes", "--lang", "zh"]).stdout


def test_wrong_usage_ends_with_two(file: Path) -> None:
    assert CliRunner().invoke(app, ["label", str(file), "--recipe", "nope"]).exit_code == 2
    assert CliRunner().invoke(app, ["label", str(file), "--max-length", "0"]).exit_code == 2
    assert CliRunner().invoke(app, ["nonsense"]).exit_code == 2
