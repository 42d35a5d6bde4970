"""SARIF, annotations and the action: their shape, their limits, and that no text from the data gets out of its place."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from glm4viz.check import Checked, Place, Progress, Settings, Summary, check_files, sarif
from glm4viz.check.github import Annotations, step_summary
from glm4viz.check.places import uri
from glm4viz.check.sarif import SarifLog
from glm4viz.linter import RULES, Finding
from glm4viz.linter.findings import Hit
from tests.check.files import run, write

ROOT = Path(__file__).parents[2]
CUT = [{"role": "user", "content": "q"}, {"role": "assistant", "content": ""}]
GOOD = [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "Paris is its capital."}]
HINT = RULES["duplicate-record"]


def piece(count: int, seen: str = "", file: str = "a.jsonl", line: int = 1) -> Progress:
    finding = HINT.finding(Hit(seen=seen), None)
    return Progress([Checked(Place(file, line and line + n, n), [finding], n + 1) for n in range(count)], [], count, 0)


def dumped(log: SarifLog) -> Any:
    return json.loads(log.dump())["runs"][0]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path / "data")
    return write(tmp_path / "data" / "你 好%#.jsonl", GOOD, CUT, "{bad", GOOD)


# SARIF ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_sarif_has_what_code_scanning_asks_for(data: Path, tmp_path: Path, lang: str) -> None:
    out = tmp_path / "out.sarif"
    assert run(data.name, "--sarif", out, "--lang", lang).exit_code == 1
    log = json.loads(out.read_text("utf-8"))
    assert log["version"] == "2.1.0"
    found = log["runs"][0]
    rules = found["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    assert all(rule["help"]["text"] and rule["help"]["markdown"] and rule["shortDescription"]["text"] for rule in rules)
    lines = {}
    for result in found["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "data/%E4%BD%A0%20%E5%A5%BD%25%23.jsonl"
        lines[result["ruleId"]] = place["region"]["startLine"]
    assert (lines["unreadable-record"], lines["duplicate-record"]) == (3, 4)
    assert found["invocations"][0]["toolExecutionNotifications"] == []
    prints = [result["partialFingerprints"]["glm4viz/v1"] for result in found["results"]]
    assert len(set(prints)) == len(prints)


def test_a_fingerprint_moves_with_its_record(tmp_path: Path) -> None:
    def prints(*records: Any) -> dict[str, str]:
        log = SarifLog("", "en", tmp_path)
        for part in check_files([write(tmp_path / "a.jsonl", *records)], Settings("glm4"), 1):
            log.add(part)
        return {result["ruleId"]: result["partialFingerprints"]["glm4viz/v1"] for result in dumped(log)["results"]}

    assert prints(CUT)
    assert prints(GOOD, CUT) == prints(CUT)
    assert prints([{"role": "user", "content": "other"}, CUT[1]]) != prints(CUT)


def test_what_does_not_fit_is_said_and_the_gravest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MOST_RESULTS", 30)
    log = SarifLog("", "en", Path.cwd())
    log.add(piece(40))
    error = Finding("unreadable-record", "error", None, None, {"en": "bad", "zh": "坏"})
    log.add(Progress([Checked(Place("a.jsonl", 99, 98), [error])], [], 1, 0))
    found = dumped(log)
    assert len(found["results"]) == 30
    assert found["results"][0]["level"] == "error"
    assert "11 of 41" in found["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    monkeypatch.setattr(sarif, "MOST_BYTES", 100_000)
    log = SarifLog("", "en", Path.cwd())
    log.add(piece(30, seen="x" * 3000))
    assert 90_000 < len(log.dump()) <= 100_000
    assert 0 < len(dumped(log)["results"]) < 30
    assert "are left out" in dumped(log)["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_records_without_lines_are_named_by_number() -> None:
    log = SarifLog("", "zh", Path.cwd())
    log.add(piece(1, line=0))
    result = dumped(log)["results"][0]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert result["message"]["text"].startswith("第 0 条记录：")


def test_a_place_is_a_uri(tmp_path: Path) -> None:
    assert uri(str(tmp_path / "a b" / "::x.jsonl"), tmp_path) == "a%20b/%3A%3Ax.jsonl"
    assert uri(str(tmp_path.parent / "x.jsonl"), tmp_path).startswith("file:///")


# GitHub ---------------------------------------------------------------------------------------------------------------


def test_an_annotation_ends_where_it_should() -> None:
    notes = Annotations("en", Path.cwd())
    notes.add(piece(1, seen="50%\r\n::error::x, y: z\x1b[2J", file="a,b:c%\n::x.jsonl", line=7))
    (line,) = notes.text().splitlines()
    head, _, message = line[2:].partition("::")
    kind, _, properties = head.partition(" ")
    assert kind in ("warning", "notice")
    named = dict(value.split("=", 1) for value in properties.split(","))
    assert named["file"] == "a%2Cb%3Ac%25\\n%3A%3Ax.jsonl"
    assert named["line"] == "7"
    assert named["title"].startswith("duplicate-record")
    assert message.endswith("Found: 50%25\\r\\n::error::x, y: z\\x1b[2J.")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_ten_of_a_kind_and_one_line_for_the_rest(lang: str) -> None:
    notes = Annotations(lang, Path.cwd())
    notes.add(piece(10))
    assert len(notes.text().splitlines()) == 10
    notes.add(piece(5))
    *lines, rest = notes.text().splitlines()
    assert len(lines) == 10
    assert not rest.startswith("::")
    assert "5" in rest


def test_a_summary_is_a_table_and_its_texts_are_no_markup() -> None:
    assert "Nothing was found in 1 records" in step_summary(Summary(records=1), "glm4", "glm4viz check <b>|*x*.jsonl", "en")
    summary = Summary(records=1)
    summary.add(piece(1).checked[0])
    said = step_summary(summary, "glm4", "glm4viz check <b>|*x*.jsonl", "zh")
    assert "glm4viz check \\<b\\>\\|\\*x\\*.jsonl" in said
    assert "| `duplicate-record` | 1 |" in said


# The command ----------------------------------------------------------------------------------------------------------


def test_statuses_are_as_without(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    good = write(tmp_path / "good.jsonl", GOOD)
    assert run(good, "--github", "--sarif", tmp_path / "s").exit_code == 0
    result = run(data, "--github")
    assert result.exit_code == 1
    assert "::error file=data/你 好%25#.jsonl,line=3,title=unreadable-record" in result.stdout
    assert (tmp_path / "step.md").read_text("utf-8").count("### glm4viz check") == 2
    assert run(data, "--github", "--json").exit_code == 2
    assert run(data, "--sarif", tmp_path / "none" / "s").exit_code == 2


def test_no_two_outputs_are_one_file(data: Path, tmp_path: Path) -> None:
    before = data.read_bytes()
    out = tmp_path / "out"
    for options in (["--sarif", data], ["--html", out, "--sarif", out], ["--fix", out, "--html", out], ["--fix", out, "--sarif", out]):
        result = run(data, *options)
        assert result.exit_code == 2
        assert "written over" in result.stderr
    assert data.read_bytes() == before
    assert not out.exists()


def test_standard_input_is_checked(data: Path) -> None:
    command = [sys.executable, "-m", "glm4viz", "check", "-", "--json"]
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    result = subprocess.run(command, input=data.read_bytes(), capture_output=True, check=False, env=env)
    piped = [json.loads(line) for line in result.stdout.splitlines()]
    named = [json.loads(line) for line in run(data, "--json").stdout.splitlines()]
    assert result.returncode == 1
    assert [{**line, "file": "", "files": []} for line in piped] == [{**line, "file": "", "files": []} for line in named]
    assert run("-", "--loss-outliers", "demo").exit_code == 2


# The action and the hook ----------------------------------------------------------------------------------------------


def steps() -> dict[str, Any]:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    return {step.get("id") or step.get("name", step.get("uses")): step for step in action["runs"]["steps"]}


def test_no_input_is_part_of_a_script() -> None:
    for step in steps().values():
        assert "${{" not in step.get("run", "")


@pytest.mark.usefixtures("data")
@pytest.mark.skipif(os.name != "posix", reason="links into another environment")
@pytest.mark.parametrize(("files", "status"), [("data/*.jsonl", 1), ("no/*.jsonl", 2), ("$(touch owned)\n`touch owned`; touch owned", 2)])
def test_the_action_s_step_checks_and_runs_no_input(tmp_path: Path, files: str, status: int) -> None:
    bin = tmp_path / "temp" / "glm4viz" / "bin"
    bin.mkdir(parents=True)
    for name, more in (("python", ""), ("glm4viz", " -m glm4viz")):
        (bin / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{more} "$@"\n', "utf-8")
        (bin / name).chmod(0o755)
    inputs = {"FILES": files, "RECIPE": "glm4", "MAX_LENGTH": "", "CONFIG": "", "FAIL_ON": "error", "SARIF": "", "UPLOAD": "true"}
    runner = {"RUNNER_TEMP": tmp_path / "temp", "GITHUB_OUTPUT": tmp_path / "output", "GITHUB_STEP_SUMMARY": tmp_path / "step.md"}
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "GITHUB_ACTIONS": "true", "SAY_IN": "en"} | inputs
    script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps()["check"]["run"]]
    result = subprocess.run(
        script, capture_output=True, check=False, cwd=tmp_path, env=env | {name: str(path) for name, path in runner.items()}
    )
    assert result.returncode == status, result.stderr
    assert f"status={status}" in (tmp_path / "output").read_text("utf-8")
    assert not (tmp_path / "owned").exists()
    if status == 1:
        assert json.loads((tmp_path / "temp" / "glm4viz.sarif").read_text("utf-8"))["runs"]
        assert b"::error file=data/" in result.stdout
        assert "| ✗ error |" in (tmp_path / "step.md").read_text("utf-8")


def test_the_hook_s_command_is_one(data: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    program, command, *options = hook["entry"].split()
    assert (program, command) == ("glm4viz", "check")
    assert run(*options, data).exit_code == 1
