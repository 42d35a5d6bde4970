"""glm4viz capture: the report of a capture, and the lines to paste."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import glm4viz
from glm4viz.cli import app
from glm4viz.run.snippets import SNIPPETS

RUN = CliRunner()


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "run.glm4viz.json.gz"
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "你好"}]
    glm4viz.save_capture([glm4viz.label(talk)], path)
    return path


@pytest.mark.parametrize("args", [["capture"], ["capture", "--help"]])
def test_the_lines_to_paste(args: list[str]) -> None:
    done = RUN.invoke(app, args)
    assert done.exit_code == 0
    for snippet in SNIPPETS:
        assert snippet.framework in done.output
        assert all(line in done.output for line in snippet.code.splitlines())
        assert snippet.status["en"] in done.output


def test_each_snippet_is_python() -> None:
    for snippet in SNIPPETS:
        compile(snippet.code, snippet.framework, "exec")
        assert bool(snippet.tried) is not bool(snippet.read)


@pytest.mark.parametrize(("document", "language"), [("docs/your-run.md", "en"), ("docs/your-run.zh.md", "zh")])
def test_the_docs_show_the_same(document: str, language: str) -> None:
    text = Path(document).read_text("utf-8")
    for snippet in SNIPPETS:
        assert f"### {snippet.framework}\n\n{snippet.how[language]} ({snippet.status[language]})\n\n```python\n{snippet.code}\n```" in text


def test_a_report_of_a_capture(capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    done = RUN.invoke(app, ["capture", str(capture), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "1 sequence" in done.output
    assert "run.glm4viz.json.gz" in out.read_text("utf-8")
    said = [json.loads(line) for line in RUN.invoke(app, ["capture", str(capture), "--json"]).output.splitlines()]
    assert said[-1]["sequences"] == 1


def test_findings_are_status_1(tmp_path: Path) -> None:
    sample = glm4viz.label([{"role": "user", "content": "Hi"}, {"role": "user", "content": "Ho"}])
    glm4viz.save_capture([sample], path := tmp_path / "run.glm4viz.json.gz")
    done = RUN.invoke(app, ["capture", str(path), "--lang", "zh"])
    assert done.exit_code == 1
    assert "没有一个 token 参与训练" in done.output


@pytest.mark.parametrize(
    "args",
    [["{gone}"], ["{file}", "-o", "{file}"], ["-o", "x.html"], ["--json"], ["{bad}"], ["{file}", "extra"], ["{file}", "--lang", "fr"]],
)
def test_wrong_use_is_status_2(capture: Path, tmp_path: Path, args: list[str]) -> None:
    bad = tmp_path / "bad.json.gz"
    bad.write_bytes(b"no capture")
    names = {"gone": tmp_path / "gone", "file": capture, "bad": bad}
    before = capture.read_bytes()
    done = RUN.invoke(app, ["capture", *(arg.format(**names) for arg in args)])
    assert done.exit_code == 2
    assert capture.read_bytes() == before
    assert not Path("x.html").exists()
