"""Recipes of GLM-4.5 and later against the arrays that each system's own code made, token by token."""

import json
from typing import Any

import pytest

import glm4viz
from glm4viz.errors import RecipeRejects
from tests.conftest import GOLDEN

CONVERSATIONS: dict[str, dict[str, Any]] = json.loads((GOLDEN / "conversations45.json").read_text("utf-8"))
ROWS = [json.loads(line) for line in (GOLDEN / "rows45.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['recipe']}-{row['conversation']}")
def test_row(row: dict[str, Any]) -> None:
    given = CONVERSATIONS[row["conversation"]]
    if "error" in row:
        with pytest.raises(RecipeRejects):
            glm4viz.label(given["messages"], row["recipe"], tools=given["tools"])
        return
    sample = glm4viz.label(given["messages"], row["recipe"], tools=given["tools"])
    assert sample.input_ids.tolist() == row["input_ids"]
    assert sample.labels.tolist() == row["labels"]


def test_a_batch_gives_the_same_rows() -> None:
    for id in sorted({row["recipe"] for row in ROWS}):
        batch = glm4viz.label_batch(CONVERSATIONS.values(), id)
        wanted = {row["conversation"]: row for row in ROWS if row["recipe"] == id}
        assert {list(CONVERSATIONS)[i] for i in batch.errors} == {name for name, row in wanted.items() if "error" in row}
        for row, source in enumerate(batch.source.tolist()):
            expected = wanted[list(CONVERSATIONS)[source]]
            start, stop = batch.offsets[row : row + 2]
            assert batch.input_ids[start:stop].tolist() == expected["input_ids"]
            assert batch.labels[start:stop].tolist() == expected["labels"]
