"""Texts of the data in sentences: shown as they are, never as Markdown."""

import re

import pytest

from glm4viz.comparison.sentences import code


@pytest.mark.parametrize("text", ["a", "a`b", "a``b [x](http://e)", "```", "`"])
def test_text_of_the_data_stays_between_its_backticks(text: str) -> None:
    said = code(text)
    fence = said[: len(said) - len(said.lstrip("`"))]
    assert said in (f"{fence}{text}{fence}", f"{fence} {text} {fence}")
    assert fence not in re.findall("`+", text)
