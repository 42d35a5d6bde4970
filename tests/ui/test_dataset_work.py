"""The work behind the Dataset page, without the page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glm4viz
from glm4viz.check import Progress, Settings, check_files
from glm4viz.ui.dataset import work

SAMPLES = Path(__file__).parents[2] / "sample_data"
SMALL = SAMPLES / "13-dataset-small.jsonl"


def test_a_recipe_of_one_s_own_is_checked_by_as_many_processes_as_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = glm4viz.CustomRecipe(turns="last").recipe()
    asked: list[tuple[Settings, int]] = []

    def asked_of(paths: Any, settings: Settings, workers: int) -> Iterator[Progress]:
        asked.append((settings, workers))
        return check_files(paths, settings, workers)

    monkeypatch.setattr(work, "check_files", asked_of)
    work.run(work.Job(str(SMALL), str(tmp_path), own.id, 100, workers=2), lambda *_: None)
    assert asked == [(Settings(own.id, 100), 2)]
    kept = np.load(tmp_path / work.COLUMNS)["kept"]
    conversations = [record for record in glm4viz.read_conversations(SMALL) if isinstance(record, glm4viz.Conversation)]
    assert kept[kept >= 0].tolist() == [len(glm4viz.label(conversation, own, max_length=100)) for conversation in conversations]


def test_a_mended_file_keeps_calls_thoughts_and_tools(tmp_path: Path) -> None:
    sample = json.loads((SAMPLES / "16-thinking-tools-zh.json").read_text("utf-8"))
    source = tmp_path / "data.jsonl"
    source.write_text(json.dumps({"messages": sample["messages"], "tools": sample["tools"]}, ensure_ascii=False) + "\n", "utf-8")
    work.mend_dataset(work.Job(str(source), str(tmp_path), "trl-glm4.5", kind="mend"), lambda *_: None)
    mended = json.loads((tmp_path / work.MENDED).read_text("utf-8"))
    assert mended == {"messages": sample["messages"], "tools": sample["tools"]}
