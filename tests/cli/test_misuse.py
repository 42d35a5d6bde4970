"""Wrong uses of the command line: each ends with status 2, one sentence in the chosen language on standard error, and nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from glm4viz.cli import COMMANDS, app
from glm4viz.cli.misuse import asked_language

MESSAGES = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！"}]

# {file}: a good file; {folder}: one that is no dataset; {bad}: a config of no known framework; {config}: one of LLaMA-Factory.
WRONG = [
    "nonsense",
    "lable {file}",
    "--nope",
    *(
        f"{command} {rest}"
        for command in ("label", "compare", "loss", "check", "convert -o -")
        for rest in ("", "{gone}", "{folder}", "{long}")
    ),
    *(f"{command} {{file}} --nope" for command in ("label", "compare", "loss", "check", "convert -o -")),
    *(
        f"{command} {{file}} --lang {lang}"
        for command in ("label", "compare", "loss", "check", "convert -o -")
        for lang in ("fr", "''", "ZH")
    ),
    "recipes --lang fr",
    "recipes extra",
    *(f"check {{file}} --ignore {rules}" for rules in ("nope", "''", "over-long,nul-metadata")),
    *(f"{command} {{file}} extra" for command in ("label", "compare", "loss")),
    *(
        f"{command} {{file}} --recipe {recipe}"
        for command in ("label", "loss", "check")
        for recipe in ("nope", "''", "custom:bad", "custom:", "custom:a.all.np.own..old", "GLM4", "")
    ),
    *(
        f"{command} {{file}} --max-length {length}"
        for command in ("label", "loss", "check", "compare")
        for length in ("0", "-1", "abc", "1.5", "1,2,3", "''", ",", "0,5", "٣", "1e3", "9999999999", "")
    ),
    *(f"{command} {{file}} --max-length 512,512" for command in ("label", "loss", "check")),
    *(f"{command} {{file}} --recipe chatglm --max-length {n}" for command in ("label", "loss", "check") for n in ("100", "1,2,3", "0,9")),
    *(
        f"{command} {{file}} --config {config}"
        for command in ("label", "compare", "loss", "check")
        for config in ("{gone}", "{folder}", "{bad}")
    ),
    *(
        f"compare {{file}} --recipes {recipes}"
        for recipes in ("''", ",", "glm4", "glm4,glm4", "glm4,chatglm,glm4", "glm4,nope", "glm4,custom:bad", "custom:bad,glm4")
    ),
    "compare {file} --recipes llamafactory --config {config}",
    "check - --loss-outliers demo",
    *(f"check {{file}} --near-threshold {number}" for number in ("0.4", "1.1", "nan", "inf", "abc", "''")),
    *(f"check {{file}} --workers {number}" for number in ("0", "-1", "two", "1.5")),
    *(f"check {{file}} --fail-on {severity}" for severity in ("info", "Error", "''")),
    *(f"check {{file}} {option} {path}" for option in ("--html", "--fix", "--sarif") for path in ("{folder}", "{gone}/out", "{long}")),
    "check {file} --html {file}",
    "check {file} --sarif {file}",
    "check {file} --html {new} --sarif {new}",
    "check {file} --github --json",
    "check {file} --html {new} --fix {new}",
    "check {file} --loss-outliers {folder}",
    "check {file} --loss-outliers {long}",
    "convert {file}",
    *(f"convert {{file}} -o {path}" for path in ("{folder}", "{gone}/out", "{long}")),
    *(f"convert {{file}} -o - --format {format}" for format in ("nope", "''")),
    *(f"loss {{file}} --model {model}" for model in ("{folder}", "{long}")),
    *(f"loss {{file}} --adapter {adapter}" for adapter in ("{gone}", "{folder}", "{long}")),
    "loss {file} --device gpu",
    "loss {file} --dtype int8",
    "loss {file} --json=3",
]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("misuse")
    (place / "folder").mkdir()
    (place / "data.json").write_text(json.dumps({"messages": MESSAGES}), "utf-8")
    (place / "bad.yaml").write_text("what: is this\n", "utf-8")
    (place / "lf.yaml").write_text("stage: sft\ntemplate: glm4\ncutoff_len: 7\n", "utf-8")
    names = {
        "file": "data.json",
        "folder": "folder",
        "gone": "gone",
        "new": "new",
        "bad": "bad.yaml",
        "config": "lf.yaml",
        "long": "n" * 400,
    }
    return {name: str(place / path) for name, path in names.items()}


def run(line: str, paths: dict[str, str]) -> Any:
    return CliRunner().invoke(app, ["" if word == "''" else word.format(**paths) for word in line.split()])


@pytest.mark.parametrize("line", WRONG)
def test_wrong_use_is_one_sentence_and_status_two(line: str, paths: dict[str, str]) -> None:
    result = run(line, paths)
    assert result.exit_code == 2
    assert result.stdout == ""
    *told, sentence = result.stderr.splitlines()
    assert re.fullmatch(r"✗ \S.*[.?]", sentence)
    assert all(re.match("LLaMA-Factory → llamafactory|[✓✗] [a-z_]+", line) for line in told), "only what a config comes to stands before it"
    assert not Path(paths["new"]).exists()


@pytest.mark.parametrize("line", [line for line in WRONG if "--lang" not in line and "outliers" not in line and "loss" not in line])
def test_it_is_said_in_chinese_if_that_is_asked_for(line: str, paths: dict[str, str]) -> None:
    # What follows an option without a value would be its value.
    first, *rest = line.split()
    result = run(" ".join([first, "--lang=zh", *rest]) if first in COMMANDS else f"{line} --lang zh", paths)
    assert result.exit_code == 2
    assert re.search("[一-鿿]", result.stderr.splitlines()[-1])


def test_the_sentence_names_what_would_do(paths: dict[str, str]) -> None:
    assert "--max-length: chatglm takes two numbers" in run("loss {file} --recipe chatglm --max-length 100", paths).stderr
    assert "100,100" in run("loss {file} --recipe chatglm --max-length 100", paths).stderr
    assert "--recipes: 'custom:bad' is not the code of a recipe" in run("compare {file} --recipes glm4,custom:bad", paths).stderr
    assert "--lang: 'fr' is no language here; use en or zh" in run("recipes --lang fr", paths).stderr
    assert "Did you mean: label?" in run("lable {file}", paths).stderr
    assert "FILE is missing" in run("label", paths).stderr
    assert "--out is missing" in run("convert {file}", paths).stderr


def test_the_language_is_known_before_the_line_is_parsed() -> None:
    assert asked_language(["label", "--lang", "zh", "--nope"]) == asked_language(["--lang=zh"]) == "zh"
    assert asked_language(["label", "zh"]) == asked_language(["--lang"]) == asked_language(["--lang", "fr"]) == "en"


@pytest.mark.parametrize("command", ["label", "compare", "loss", "convert -o -"])
def test_empty_standard_input_is_a_file_with_nothing_in_it(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "-"], input="")
    assert result.exit_code == 1
    assert "There is nothing in it" in result.stderr


def test_without_a_command_there_is_help() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert all(command in result.stdout for command in COMMANDS)
    assert CliRunner().invoke(app, ["--help"]).exit_code == 0
