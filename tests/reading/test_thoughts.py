"""What became of thoughts, for recipes that keep, drop or lose them."""

from pathlib import Path

import pytest

import glm4viz
from glm4viz.reading.thoughts import thoughts
from tests.readers.forms import read_one

SAMPLE = Path(__file__).parents[2] / "sample_data" / "16-thinking-tools-zh.json"


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("trl-glm4.5", [("empty", True), ("empty", True), ("kept", True)]),  # earlier ones dropped, empty ones trained
        ("slime-glm4.5", [("kept", True), ("kept", True), ("kept", True)]),
        ("axolotl-glm4.5", [("empty", False), ("empty", False), ("kept", True)]),
    ],
)
def test_kept_and_dropped(recipe: str, expected: list[tuple[str, bool]]) -> None:
    conversation = read_one(SAMPLE)
    found = thoughts(glm4viz.label(conversation, recipe))
    assert [(one.written, one.trained > 0) for one in found] == expected
    assert [one.earlier for one in found] == [True, True, False]
    assert all(one.given and one.text["en"] and one.text["zh"] for one in found)


def test_openers() -> None:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "reasoning_content": "A greeting.", "content": "Hello"}]
    opened = {
        id: thoughts(glm4viz.label(talk, id))[0].opener_trained for id in ("trl-glm4.5", "axolotl-glm4.5", "axolotl-glm4.7", "slime-glm4.7")
    }
    assert opened == {"trl-glm4.5": True, "axolotl-glm4.5": False, "axolotl-glm4.7": True, "slime-glm4.7": False}


def test_glm4_recipes_leave_a_given_thought_out() -> None:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "reasoning_content": "A greeting.", "content": "Hello"}]
    (found,) = thoughts(glm4viz.label(talk))
    assert (found.given, found.written, found.trained) == (True, "absent", 0)


def test_a_thought_that_is_text_like_any_other_is_written() -> None:
    talk = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "<think>\n想\n</think>\n\nfoo"}]
    (found,) = thoughts(glm4viz.label(talk, "glm4"))
    assert (found.written, found.text["en"]) == ("kept", "thought trained")
