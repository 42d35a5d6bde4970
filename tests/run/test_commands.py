"""label, compare and check open a capture, and show what was fed unless another recipe is asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import glm4viz
from glm4viz.check.examine import Settings
from glm4viz.check.run import check_files
from glm4viz.cli import app
from tests.run.fed import fed
from tests.run.test_capture import TALK, glm
from tests.run.test_families import WRITTEN
from tests.run.tokenizers import of_bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = glm4viz.label(TALK)
    (all_trained,) = glm4viz.from_batch({"input_ids": made.input_ids, "labels": made.input_ids}, made.tokenizer)
    name = tmp_path / "x.glm4viz.json.gz"
    glm4viz.save_capture([glm(), all_trained], name)
    return name


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, list(map(str, arguments)))


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_label_shows_what_was_fed(path: Path) -> None:
    fed_rows = lines(run("label", path, "--json").stdout)
    assert [row["recipe"] for row in fed_rows] == ["captured", "captured"]
    assert fed_rows[1]["labels"] == fed_rows[1]["input_ids"]
    asked = lines(run("label", path, "--json", "--recipe", "llamafactory").stdout)
    assert [row["recipe"] for row in asked] == ["llamafactory", "llamafactory"]
    assert run("label", path).exit_code == 0


def test_compare_holds_the_run_against_glm_s_recipe(path: Path) -> None:
    first, second = lines(run("compare", path, "--json").stdout)
    assert first["recipes"] == ["captured", "glm4"]
    assert first["equal_masks"] == [["captured", "glm4"]]
    assert len(second["equal_masks"]) == 2
    assert "user" in second["verdicts"]["captured"]["text_trained"]
    assert lines(run("compare", path, "--json", "--recipes", "captured,llamafactory").stdout)[0]["recipes"] == ["captured", "llamafactory"]
    assert run("compare", path).exit_code == 0


def test_check_judges_what_was_fed(path: Path) -> None:
    result = run("check", path, "--json")
    found = [(line["record"], line["rule"]) for line in lines(result.stdout) if "rule" in line]
    assert (1, "user-text-trained") in found
    assert not [rule for record, rule in found if record == 0]
    assert result.exit_code == 1
    asked = [line.get("rule") for line in lines(run("check", path, "--json", "--recipe", "glm4").stdout)]
    assert "user-text-trained" not in asked


def test_check_of_a_capture_among_other_files_in_several_processes(path: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps({"messages": TALK}) + "\n" + json.dumps({"messages": TALK[:1]}) + "\n", "utf-8")
    pieces = list(check_files([path, data, path], Settings("glm4"), workers=2))
    assert [piece.records for piece in pieces] == [2, 2, 2]
    rules = [{finding.rule for checked in piece.checked for finding in checked.findings} for piece in pieces]
    assert "user-text-trained" in rules[0]
    assert "no-trained-token" in rules[1]


def test_sequences_without_roles_are_no_duplicates_of_each_other(tmp_path: Path) -> None:
    tok = of_bytes("<a>")
    rows = [tok.encode(text, specials=True) for text in ("<a>Hi", "<a>Ho", "<a>Hi")]
    name = tmp_path / "x.glm4viz.json.gz"
    glm4viz.save_capture([s for ids in rows for s in glm4viz.from_batch({"input_ids": ids, "labels": ids}, tok)], name)
    result = run("check", name, "--json")
    found = [(line["record"], line["rule"]) for line in lines(result.stdout) if "rule" in line]
    assert [record for record, rule in found if rule == "roles-unknown"] == [0, 1, 2]
    assert [record for record, rule in found if rule == "duplicate-record"] == [2]


def test_a_capture_of_another_family_in_the_commands(tmp_path: Path) -> None:
    written = WRITTEN["Llama 3"]
    tok = of_bytes("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    name = tmp_path / "x.glm4viz.json.gz"
    glm4viz.save_capture([fed(tok, written.text, written.trained)], name)
    assert run("label", name).exit_code == 0
    assert run("check", name, "--lang", "zh").exit_code == 0
    (row,) = lines(run("compare", name, "--json").stdout)
    assert row["recipes"] == ["captured", "glm4"]
    assert row["verdicts"]["captured"]["stop_tokens"] == ["<|eot_id|>"]
    assert row["verdicts"]["captured"]["generation_stops"] is True
