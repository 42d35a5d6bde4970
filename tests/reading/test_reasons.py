"""Why tokens of thoughts and calls are, or are not, trained."""

import numpy as np
import pytest

import glm4viz
from glm4viz.reading.example import THINKING_EXAMPLES
from glm4viz.reading.reasons import ORDER, reasons


def said(recipe: str, part: str, *, trained: bool) -> set[str]:
    sample = glm4viz.label(THINKING_EXAMPLES["en"], recipe)
    chosen = (sample.parts == part) & (sample.trained == trained)
    return {ORDER[code] for code in np.unique(reasons(sample)[chosen])}


@pytest.mark.parametrize(
    ("recipe", "part", "trained", "clauses"),
    [
        ("trl-glm4.5", "think", True, {"thought"}),
        ("trl-glm4.5", "tool_call", True, {"call"}),
        ("trl-glm4.5", "arguments", True, {"arguments"}),
        ("trl-glm4.5", "tools", False, {"tools_given"}),
        ("slime-glm4.7", "think", False, {"thought_masked"}),
    ],
)
def test_a_thought_and_a_call_have_clauses_of_their_own(recipe: str, part: str, trained: bool, clauses: set[str]) -> None:
    assert said(recipe, part, trained=trained) == clauses


@pytest.mark.parametrize(("recipe", "clause"), [("trl-glm4.5", "empty_thought"), ("slime-glm4.7", "empty_thought_masked")])
def test_an_empty_thought_is_called_empty(recipe: str, clause: str) -> None:
    sample = glm4viz.label([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hi!"}], recipe)
    assert {ORDER[code] for code in reasons(sample)[sample.parts == "think"]} == {clause}
