"""What all commands share: one choice of recipe and limit, one reading loop, help that loses no word, and no import that isn't needed."""

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import COMMANDS, app

MESSAGES = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！🦙"}]
OWN = "custom:a.last.np.none.endoftext.old"
LOOPS = ("label", "compare", "loss")


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"messages": MESSAGES}) + "\n{'bad': open}\n", "utf-8")
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.jsonl"
    path.write_text(json.dumps({"messages": MESSAGES}) + "\n", "utf-8")
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "lf.yaml"
    path.write_text("stage: sft\ntemplate: glm4\ncutoff_len: 7\n", "utf-8")
    return path


def first(result: Any) -> Any:
    return json.loads(result.stdout.splitlines()[0])


@pytest.mark.parametrize("command", LOOPS)
def test_a_bad_record_is_told_in_the_same_way_and_the_rest_is_done(command: str, file: Path) -> None:
    result = run(command, file, "--json")
    assert result.exit_code == 1
    done, bad = map(json.loads, result.stdout.splitlines())
    assert done["record"] == 0
    assert (bad["record"], bad["line"], bad["error"], bad["field"]) == (1, 2, "ReadError", "")
    assert bad["sentence"] in run(command, file).stderr


@pytest.mark.parametrize("command", ["label", "loss"])
def test_recipe_limit_and_config_mean_the_same(command: str, good: Path, config: Path) -> None:
    def length(*options: object) -> tuple[str, int]:
        result = run(command, good, "--json", *options)
        assert result.exit_code == 0
        return first(result)["recipe"], len(first(result)["input_ids"])

    whole = len(glm4viz.label(MESSAGES))
    assert length() == ("glm4", whole)
    assert length("--recipe", OWN, "--max-length", 5) == (OWN, 5)
    assert length("--recipe", "chatglm", "--max-length", "1,1")[0] == "chatglm"
    assert length("--config", config) == ("llamafactory", 7)
    assert length("--config", config, "--max-length", 6) == ("llamafactory", 6)
    assert length("--config", config, "--recipe", "glm4") == ("glm4", whole), "the config's limit was meant for its own recipe"


def test_compare_takes_a_config(good: Path, config: Path) -> None:
    def compared(*options: object) -> tuple[list[str], int]:
        record = first(run("compare", good, "--json", *options))
        return record["recipes"], record["verdicts"][record["recipes"][0]]["tokens"]

    whole = len(glm4viz.label(MESSAGES))
    assert compared() == (["glm4", "llamafactory"], whole)
    assert compared("--config", config) == (["glm4", "llamafactory"], 7)
    assert compared("--config", config, "--max-length", 6) == (["glm4", "llamafactory"], 6)
    assert compared("--config", config, "--recipes", f"trl,{OWN}") == (["trl", OWN, "llamafactory"], 7)
    assert compared("--config", config, "--recipes", "llamafactory,glm4")[0] == ["llamafactory", "glm4"]
    config.write_text("data_config:\n  train_file: train.jsonl\nmax_input_length: 3\nmax_output_length: 3\n", "utf-8")
    assert compared("--config", config) == (["glm4", "llamafactory"], 7), "GLM-4's own config has nothing else to be held against"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loses_no_word_to_markup(command: str) -> None:
    function = import_module(f"glm4viz.cli.{command}").command
    said = re.sub(r"\s+", "", re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", "", run(command, "--help").stdout))
    assert re.sub(r"\s+", "", function.__doc__) in said
    for annotation in function.__annotations__.values():
        for option in getattr(annotation, "__metadata__", ()):
            assert all(word in said for word in option.help.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_nothing_heavy(command: str, good: Path, tmp_path: Path) -> None:
    """Not even for its help; running loss is what torch is there for."""
    rest = {"recipes": [], "convert": [str(good), "-o", str(tmp_path / "out.jsonl")], "loss": ["--help"]}.get(command, [str(good)])
    heavy = ("torch", "transformers", "streamlit", "plotly", "pandas", "tokenizers")
    code = f"import sys\nfrom glm4viz.cli import app\ntry:\n app({[command, *rest]!r})\nfinally:\n print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"PYTHONIOENCODING": "utf-8"})
    assert result.stdout.splitlines()[-1] == "[]", result.stderr


def test_label_imports_no_other_command_s_rooms(good: Path) -> None:
    code = f"import sys\nfrom glm4viz.cli import app\ntry:\n app(['label', {str(good)!r}])\nfinally:\n print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout.splitlines()[-1].split()
    rooms = {module.split(".")[1] for module in modules if module.startswith("glm4viz.")}
    assert "labelling" in rooms
    assert not rooms & {"check", "comparison", "configs", "linter", "loss", "public", "rows"}


@pytest.mark.parametrize("options", [["--json"], []])
def test_a_reader_that_leaves_early_sees_no_traceback(options: list[str], tmp_path: Path) -> None:
    data = tmp_path / "many.jsonl"
    data.write_text((json.dumps({"messages": MESSAGES}) + "\n") * 3000, "utf-8")
    command = [sys.executable, "-m", "glm4viz", "label", str(data), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert b"Traceback" not in said
        assert len(said.splitlines()) == 1, said
        assert process.wait() == 1


def test_what_an_encoding_lacks_is_escaped(good: Path) -> None:
    command = [sys.executable, "-m", "glm4viz", "label", str(good), "--json"]
    result = subprocess.run(command, capture_output=True, check=True, env={"PYTHONIOENCODING": "ascii"})
    assert json.loads(result.stdout)["recipe"] == "glm4"
    result = subprocess.run(command[:-1], capture_output=True, check=True, env={"PYTHONIOENCODING": "ascii"})
    assert b"\\u4f60\\u597d" in result.stdout
