"""The ways side by side."""

import pytest

import glm4viz
from glm4viz.errors import RecipeRejects
from glm4viz.walkthrough.steps import walk
from glm4viz.walkthrough.ways import WAYS, ways
from tests.walkthrough import TWO_TURNS


def test_what_each_way_loses() -> None:
    found = {way.recipe: way for way in ways(TWO_TURNS)}
    assert all(found[recipe].tokens == sum(map(len, glm4viz.label_all(TWO_TURNS, recipe))) for recipe in WAYS)
    assert [recipe for recipe in WAYS if found[recipe].unused] == ["glm4-combine@dfe4601", "xtuner-last-turn"]
    assert [recipe for recipe in WAYS if found[recipe].sequences > 1] == ["xtuner-split"]
    assert [recipe for recipe in WAYS if not found[recipe].stops_trained] == ["glm4v@dfe4601"]
    assert found["glm4"].trained == glm4viz.label(TWO_TURNS).trained.sum()
    refused = {way.recipe: way for way in ways([*TWO_TURNS, {"role": "observation", "content": "x"}])}
    assert refused["xtuner"].rejected
    assert not refused["glm4"].rejected


def test_a_split_that_would_fill_the_memory_is_refused() -> None:
    messages = [{"role": role, "content": "hello " * 100} for _ in range(300) for role in ("user", "assistant")]
    with pytest.raises(RecipeRejects):
        walk(messages, "xtuner-split")
    assert [way.recipe for way in ways(messages) if way.rejected] == ["xtuner-split"]
