"""The plain reading versions give the ids and labels of the recipes they stand beside."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import glm4viz
from glm4viz.errors import RecipeRejects
from glm4viz.walkthrough.plain import PLAIN
from tests.conftest import CONVERSATIONS, ROWS
from tests.strategies import messages, texts

pytestmark = pytest.mark.slow  # many generated conversations

Lists = tuple[list[int], list[int]]
LOSSES = [True, False, 0, 1, "true", "False", None]
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
values = st.one_of(scalars, st.lists(scalars, max_size=2))


@st.composite
def talks(draw: st.DrawFn, recipe: str) -> list[dict[str, Any]]:
    """Any messages; calls with a name and JSON arguments; answers that say whether they are trained. Seldom what the recipe refuses."""
    found = []
    for _ in range(draw(st.integers(1, 6))):
        message = draw(messages())
        if message["role"] == "assistant" and draw(st.booleans()):
            message["loss"] = draw(st.sampled_from(LOSSES[: 4 if recipe == "chatglm3" else None]))
        if message["role"] == "assistant" and (recipe == "chatglm3" or draw(st.booleans())):
            message |= {"metadata": draw(texts), "content": json.dumps(draw(st.dictionaries(texts, values, max_size=2)))}
        if message["role"] == "observation" and recipe == "xtuner":
            message["role"] = "assistant"
        if (message["role"] == "system" if recipe == "xtuner" else recipe != "chatglm3") and draw(st.integers(0, 9)) == 0:
            message["content"] = None
        found.append(message)
    return found


def plainly(recipe: str, talk: list[dict[str, Any]], max_length: int | None) -> list[Lists]:
    found = PLAIN[recipe].run(talk, glm4viz.load_tokenizer(), max_length)
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("recipe", PLAIN)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), max_length=st.one_of(st.none(), st.integers(1, 60)))
def test_it_is_what_the_engine_makes(recipe: str, data: st.DataObject, max_length: int | None) -> None:
    talk = data.draw(talks(recipe))
    try:
        samples = glm4viz.label_all(talk, recipe, max_length=max_length)
    except RecipeRejects:
        assume(False)  # so that a hundred are compared; hypothesis fails the test if it finds too few
    assert plainly(recipe, talk, max_length) == [(one.input_ids.tolist(), one.labels.tolist()) for one in samples]


@pytest.mark.parametrize("recipe", sorted({row["recipe"] for row in ROWS} & PLAIN.keys()))
def test_it_is_what_the_original_made(recipe: str) -> None:
    rows = [row for row in ROWS if row["recipe"] == recipe and "input_ids" in row]
    assert rows
    for row in rows:
        found = plainly(recipe, CONVERSATIONS[row["conversation"]], row["max_length"])
        assert found == [(row["input_ids"], row["labels"])], row["conversation"]
