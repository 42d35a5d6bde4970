"""Files of records in OpenAI's form, held against recipes of GLM-4.5 and of GLM-4."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import glm4viz
from glm4viz.check import Settings, check_files
from glm4viz.cli import app
from glm4viz.linter.mend import mend
from tests.check.test_check import BESIDE_OTHERS
from tests.linter.cases import CALLED, CASES, GOOD, THOUGHT, TOOL, WITH_CALL, asked, told
from tests.systems.test_golden45 import CONVERSATIONS

IN_TEXT = told(CALLED[0], asked('{"zone": "UTC", "n": 1.0}', reasoning_content="I will look."), *CALLED[2:])


def write(path: Path, *records: Any) -> Path:
    lines = [json.dumps(record if isinstance(record, dict) else {"messages": record}, ensure_ascii=False) for record in records]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of either form, good and bad ones."""
    broken = [record for record, _, options in CASES.values() if options.get("recipe", "").endswith("4.5") and record]
    return write(tmp_path_factory.mktemp("check") / "mixed.jsonl", *CONVERSATIONS.values(), *broken, GOOD, WITH_CALL, GOOD, IN_TEXT)


@pytest.mark.parametrize("recipe", ["trl-glm4.5", "axolotl-glm4.7", "llamafactory-glm4.5", "glm4"])
@pytest.mark.parametrize("max_length", [None, 40])
def test_check_finds_what_lint_finds(mixed: Path, recipe: str, max_length: int | None) -> None:
    pieces = list(check_files([mixed], Settings(recipe, max_length), 1))
    by_record = {checked.place.record: checked.findings for piece in pieces for checked in piece.checked}
    records = list(glm4viz.read_conversations(mixed))
    assert sum(piece.records for piece in pieces) == len(records)
    for index, record in enumerate(records):
        assert isinstance(record, glm4viz.Conversation)
        found = [finding for finding in by_record.get(index, []) if finding.rule not in BESIDE_OTHERS]
        assert found == glm4viz.lint(record, recipe, max_length), record.messages


def test_fix_leaves_records_in_the_form_they_have(tmp_path: Path) -> None:
    hidden = [{"role": "user", "content": "\ufeffHi?"}, THOUGHT[1]]
    records = [IN_TEXT, {"messages": THOUGHT}, {"messages": hidden}, {"messages": WITH_CALL}]
    path, fixed = write(tmp_path / "data.jsonl", *records), tmp_path / "fixed.jsonl"
    result = CliRunner().invoke(app, ["check", str(path), "--recipe", "trl-glm4.5", "--fix", str(fixed), "--json"])
    *said, summary = map(json.loads, result.stdout.splitlines())
    assert (summary["records"], summary["written"], summary["changes"]) == (4, 4, 2)
    assert [(line["line"], line["field"]) for line in said if "change" in line] == [
        (1, "messages[1].tool_calls"),
        (3, "messages[0].content"),
    ]
    first, *others = map(json.loads, fixed.read_text("utf-8").splitlines())
    assert first["tools"] == [TOOL]
    assert first["messages"][1]["tool_calls"] == asked({"zone": "UTC", "n": 1.0})["tool_calls"]
    assert first["messages"][1]["reasoning_content"] == "I will look."
    assert others == [records[1], {"messages": [{"role": "user", "content": "Hi?"}, THOUGHT[1]]}, records[3]]
    # What was written is read again, and then nothing of that is left.
    again = CliRunner().invoke(app, ["check", str(fixed), "--recipe", "trl-glm4.5", "--json"])
    assert "arguments-form" in summary["rules"]
    assert "arguments-form" not in json.loads(again.stdout.splitlines()[-1])["rules"]


@pytest.mark.parametrize("text", ["[1]", "not JSON", '{"x": NaN}', '{"x": 1e999}', "", '"a"'])
def test_arguments_that_hold_no_object_are_left_alone(text: str) -> None:
    messages = [CALLED[0], asked(text), *CALLED[2:]]
    assert mend(messages, openai=True) == (messages, [])


def test_exit_status_and_words_for_a_recipe_of_glm45(tmp_path: Path) -> None:
    clean, broken = write(tmp_path / "a.jsonl", told(*CALLED)), write(tmp_path / "b.jsonl", told(*CALLED))
    assert CliRunner().invoke(app, ["check", str(clean), "--recipe", "trl-glm4.5"]).exit_code == 0
    result = CliRunner().invoke(app, ["check", str(broken), "--recipe", "axolotl-glm4.5", "--lang", "zh"])
    assert result.exit_code == 1
    assert "call-lost" in result.stdout
    assert "tool_calls" in result.stdout
