"""Batches and capture files."""

from pathlib import Path

import pytest

import glm4viz
from glm4viz.conversation import Conversation
from glm4viz.errors import RecipeRejects

TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "你好！"}]


def test_a_capture_round_trips(tmp_path: Path) -> None:
    whole = glm4viz.label(TALK)
    (sample,) = glm4viz.from_batch({"input_ids": [whole.input_ids.tolist()], "labels": [whole.labels.tolist()]}, whole.tokenizer)
    path = tmp_path / "x.glm4viz.json.gz"
    glm4viz.save_capture([sample], path)
    (read,) = glm4viz.read_capture(path)
    assert read.input_ids.tolist() == whole.input_ids.tolist()
    assert read.labels.tolist() == whole.labels.tolist()
    assert read.token_bytes == whole.token_bytes


def test_the_recipe_of_a_captured_conversation() -> None:
    whole = glm4viz.label(TALK)
    assert glm4viz.label(Conversation(TALK, captured=whole), "captured") is whole
    with pytest.raises(RecipeRejects, match="capture"):
        glm4viz.label(TALK, "captured")
    assert "captured" not in glm4viz.recipes()
