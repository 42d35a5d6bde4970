"""label and compare say where a sample leaves the prompt that a server feeds."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import app
from tests.linter.cases import CALLED, GOOD, THOUGHT, told

ROUNDS = told(*CALLED, *THOUGHT)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(ROUNDS) + "\n", "utf-8")
    return path


def place(recipe: str) -> glm4viz.Parity:
    return next(answer for answer in glm4viz.parity(glm4viz.label(ROUNDS, recipe), "glm4.5") if not answer.same)


def test_label_prints_a_line_for_each_answer_that_differs(file: Path) -> None:
    for lang, words in (("en", "leaves the prompt of glm4.5: from token"), ("zh", "偏离 glm4.5 的提示：从第")):
        result = CliRunner().invoke(app, ["label", str(file), "--recipe", "slime-glm4.5", "--lang", lang])
        (line,) = [line for line in result.stdout.splitlines() if line.startswith("≠")]
        assert f"messages[5] {words}" in line
        assert str(place("slime-glm4.5").position) in line
        assert "I will look." in line
    assert "≠" not in CliRunner().invoke(app, ["label", str(file), "--recipe", "glm4"]).stdout


def test_label_as_json_has_each_answer(file: Path) -> None:
    result = CliRunner().invoke(app, ["label", str(file), "--recipe", "slime-glm4.5", "--json"])
    said = json.loads(result.stdout)["parity"]
    assert said == [answer._asdict() for answer in glm4viz.parity(glm4viz.label(ROUNDS, "slime-glm4.5"), "glm4.5")]
    assert [answer["same"] for answer in said] == [True, True, False]
    assert json.loads(CliRunner().invoke(app, ["label", str(file), "--recipe", "glm4", "--json"]).stdout)["parity"] is None


def test_compare_says_where_each_recipe_leaves_it(file: Path) -> None:
    arguments = ["compare", str(file), "--recipes", "slime-glm4.5,trl-glm4.5,glm4"]
    lines = [line for line in CliRunner().invoke(app, arguments).stdout.splitlines() if line.startswith("≠")]
    assert lines == [
        f"≠ {id} leaves the prompt of glm4.5 at messages[{place(id).message_index}], token {place(id).position}."
        for id in ("slime-glm4.5", "trl-glm4.5")
    ]
    verdicts = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)["verdicts"]
    assert [answer["same"] for answer in verdicts["slime-glm4.5"]["parity"]] == [True, True, False]
    assert verdicts["glm4"]["parity"] is None


def test_what_is_trained_as_it_is_served_draws_no_line(tmp_path: Path) -> None:
    path = tmp_path / "plain.json"
    path.write_text(json.dumps({"messages": GOOD}), "utf-8")
    result = CliRunner().invoke(app, ["label", str(path), "--recipe", "trl-glm4.5"])
    assert result.exit_code == 0
    assert "≠" not in result.stdout
