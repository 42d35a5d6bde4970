"""The work behind the Dataset page: records found again, columns, the findings as CSV, the owner's files."""

import gzip
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import glm4viz
from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError
from glm4viz.linter import lint
from glm4viz.readers import read_conversations
from glm4viz.readers.literal import PYTHON
from glm4viz.ui.dataset.report import Folder, Report, Source
from glm4viz.ui.dataset.source import VARIABLE, owner_files
from glm4viz.ui.dataset.views import findings_csv
from glm4viz.ui.dataset.work import Job, run

ROOT = Path(__file__).parents[2]
SMALL, BROKEN = ROOT / "sample_data" / "13-dataset-small.jsonl", ROOT / "sample_data" / "11-broken.jsonl"


def report_on(path: Path, recipe: str = "glm4", max_length: int | None = 1025) -> Report:
    folder = Folder()
    run(Job(str(path), str(folder.path), recipe, max_length), lambda *_: None)
    return Report(Source(path.name, path, path.name), folder, recipe, max_length)


@pytest.fixture
def rows() -> list[list[dict[str, str]]]:
    return [record.messages for record in read_conversations(SMALL) if isinstance(record, Conversation)]


def test_a_record_is_found_again_in_any_container(rows: list[list[dict[str, str]]], tmp_path: Path) -> None:
    bodies = {
        "lines.jsonl": "\n".join(json.dumps({"messages": row}) for row in rows).encode(),
        "gaps.jsonl": "\r\n\r\n".join(json.dumps({"messages": row}, ensure_ascii=False) for row in rows).encode(),
        "packed.jsonl.gz": gzip.compress("\n".join(json.dumps({"messages": row}) for row in rows).encode()),
        "array.json": json.dumps([{"messages": row} for row in rows]).encode(),
        "indented.json": json.dumps([{"messages": row} for row in rows], indent=2).encode(),
        "pretty.jsonl": "\n".join(json.dumps({"messages": row}, indent=1) for row in rows).encode(),
        "one-line.jsonl": " ".join(json.dumps({"messages": row}) for row in rows).encode(),
    }
    for name, body in bodies.items():
        path = tmp_path / name
        path.write_bytes(body)
        report = report_on(path)
        assert len(report) == len(rows), name
        for record, row in enumerate(rows):
            assert json.loads(report.as_pasted(record))["messages"] == row, (name, record)
        found = np.flatnonzero(report.find("小王子")).tolist()
        assert found == [i for i, row in enumerate(rows) if "小王子" in json.dumps(row, ensure_ascii=False)] or "one-line" in name, name


def test_findings_as_csv() -> None:
    report = report_on(BROKEN)
    table = pd.read_csv(BytesIO(findings_csv(report, np.ones(report.findings, bool))()))
    expected: list[tuple[int, str, str, str | None]] = []
    for record in read_conversations(BROKEN):
        if isinstance(record, Conversation):
            expected += [(record.line, "unreadable-record", "error", None)] if PYTHON in record.notes else []
            expected += [(record.line, f.rule, f.severity, f.text) for f in lint(record, max_length=1025)]
        else:
            expected.append((record.line, "unreadable-record", "error", None))
    found = list(table[["line", "rule", "severity", "text"]].itertuples(index=False, name=None))
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    assert all(text in (None, sentence) for (*_, sentence), (*_, text) in zip(found, expected, strict=True))


@pytest.mark.parametrize("recipe", ["glm4", "llamafactory", "trl", "axolotl", "xtuner-split", "chatglm3", "ms-swift"])
def test_the_columns_are_the_library_s(recipe: str) -> None:
    report = report_on(SMALL, recipe, 100)
    conversations = [record for record in read_conversations(SMALL) if isinstance(record, Conversation)]
    for record, conversation in enumerate(conversations):
        samples, whole = [], []
        try:
            whole = glm4viz.label_all(conversation, recipe)
            samples = glm4viz.label_all(conversation, recipe, max_length=100)
        except Glm4vizError:
            pass
        assert report["full"][record] == sum(map(len, whole))
        assert report["kept"][record] == sum(map(len, samples))
        assert report["trained"][record] == sum(int(sample.trained.sum()) for sample in samples)


def test_only_the_owner_s_files_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert owner_files() == {}
    inside, outside = tmp_path / "data", tmp_path / "secret.jsonl"
    (inside / "deep").mkdir(parents=True)
    for path in (inside / "a.jsonl", inside / "deep" / "b.csv", inside / "notes.exe", outside):
        path.write_text("{}")
    (inside / "link.jsonl").symlink_to(outside)
    monkeypatch.setenv(VARIABLE, str(inside))
    assert list(owner_files()) == ["a.jsonl", "deep/b.csv"]


def test_a_folder_goes_with_its_holder() -> None:
    folder = Folder()
    path = folder.path
    assert path.exists()
    del folder
    assert not path.exists()
