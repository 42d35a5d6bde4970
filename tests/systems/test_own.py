"""A recipe of the user's own: it can be any of the systems it has the choices for, and says which it equals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import glm4viz
from glm4viz import CustomRecipe, known_equals
from glm4viz.cli import app
from glm4viz.conversation import ROLES
from glm4viz.errors import Glm4vizError, RecipeRejects
from glm4viz.reading.verdict import verdict
from glm4viz.systems.own import ENDS, get_custom
from tests.conftest import CONVERSATIONS

TWINS = {
    "glm4": CustomRecipe(),
    "glm4@c0a6d1e": CustomRecipe(roles=("assistant", "observation")),
    "glm4@5722878": CustomRecipe(builder="jinja"),
    "glm4@b9d6d38": CustomRecipe(builder="jinja", end="<|user|>"),
    "glm4@dfe4601": CustomRecipe(builder="jinja", end="<|user|>"),
    "glm4v@dfe4601": CustomRecipe(builder="jinja", end="<|user|>", stop="none", role_tag=True),
    "xtuner-last-turn": CustomRecipe(turns="last"),
}
TALK = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！"}] * 2
CUSTOM = st.builds(
    CustomRecipe,
    roles=st.lists(st.sampled_from(ROLES), unique=True).map(tuple),
    turns=st.sampled_from(["all", "last", "flags"]),
    role_tag=st.booleans(),
    newline=st.booleans(),
    stop=st.sampled_from(["next_tag", "own", "none"]),
    end=st.sampled_from(ENDS[:-1]),
    prefix=st.booleans(),
    builder=st.sampled_from(["old", "jinja"]),
)


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("known", TWINS)
def test_it_can_be_a_known_system(known: str, name: str) -> None:
    messages = CONVERSATIONS[name]
    for max_length in (None, 9):
        try:
            theirs = glm4viz.label(messages, known, max_length=max_length)
        except RecipeRejects:
            return
        mine = glm4viz.label(messages, TWINS[known].recipe(), max_length=max_length)
        for column in ("input_ids", "labels", "owner", "message_index", "part_codes", "spans"):
            assert np.array_equal(getattr(mine, column), getattr(theirs, column)), column
    assert known in known_equals(messages, TWINS[known].recipe())


@pytest.mark.parametrize("known", TWINS)
def test_a_batch_is_the_same(known: str) -> None:
    mine, theirs = (glm4viz.label_batch(CONVERSATIONS.values(), r, max_length=40) for r in (TWINS[known].recipe(), known))
    taken = np.isin(mine.source, theirs.source)
    assert [mine[int(i)].labels.tolist() for i in np.flatnonzero(taken)] == [theirs[row].labels.tolist() for row in range(len(theirs))]


@given(CUSTOM, st.sampled_from(list(CONVERSATIONS.values())))
def test_any_choice_labels(custom: CustomRecipe, messages: list[dict[str, Any]]) -> None:
    try:
        sample = glm4viz.label(messages, custom.recipe())
    except Glm4vizError:
        return
    trained = custom.trained_messages(sample.messages)
    assert set(sample.owner[sample.trained].tolist()) <= trained
    assert (sample.labels[sample.trained] == sample.input_ids[sample.trained]).all()
    content = (sample.parts == "content") & np.isin(sample.message_index, list(trained))
    assert sample.trained[content].all()
    if not custom.newline:
        assert not sample.trained[sample.parts == "newline"].any()
    if custom.stop == "none":
        assert (sample.owner == sample.message_index)[sample.trained].all()
        assert not (sample.trained & (sample.parts == "stop")).any()
    batch = glm4viz.label_batch([messages], custom.recipe())
    assert batch.labels.tolist() == sample.labels.tolist()


@given(CUSTOM)
def test_the_code_holds_everything(custom: CustomRecipe) -> None:
    recipe = custom.recipe()
    assert CustomRecipe.from_code(custom.code) == custom
    assert get_custom(recipe.id) is recipe
    assert set(recipe.rule) == {"en", "zh"}
    assert "{" not in recipe.rule["en"] + recipe.rule["zh"]


@pytest.mark.parametrize("code", ["", "a", "a.all.np.next_tag.endoftext.new", "x.all.np.none.user.old", "a.all.pn.none.user.old", "." * 5])
def test_a_wrong_code_is_a_value_error(code: str) -> None:
    with pytest.raises(ValueError, match="not the code"):
        CustomRecipe.from_code(code)


@pytest.mark.parametrize(
    "choice", [{"turns": "some"}, {"roles": ("bot",)}, {"roles": "assistant"}, {"end": "<s>"}, {"stop": "own", "end": ""}]
)
def test_a_wrong_choice_is_a_value_error(choice: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|needs"):
        CustomRecipe(**choice)


def test_flags_choose_the_turns() -> None:
    messages: list[dict[str, Any]] = [TALK[0], TALK[1] | {"loss": False}, TALK[2], TALK[3] | {"loss": None}]
    sample = glm4viz.label(messages, CustomRecipe(turns="flags").recipe())
    assert set(sample.owner[sample.trained].tolist()) == {3}


def test_an_own_stop_stands_behind_every_answer() -> None:
    sample = glm4viz.label(TALK, CustomRecipe(stop="own", newline=False).recipe())
    assert [turn.stop_name for turn in verdict(sample).turns] == ["<|endoftext|>"] * 2
    assert sample.parts.tolist().count("stop") == 2
    assert set(known_equals(TALK, sample.recipe)) == {"xtuner", "firefly-chatglm3"}


def test_the_systems_it_equals_are_found_by_what_they_train() -> None:
    no_stop = CustomRecipe(stop="none", newline=False, end="")
    assert {"axolotl", "unsloth"} <= set(known_equals(TALK, no_stop.recipe()))
    assert "ms-swift" in known_equals(TALK, CustomRecipe(newline=False, end="<|user|>").recipe())
    assert known_equals(TALK, CustomRecipe(roles=ROLES, turns="last").recipe()) != ["glm4"]
    assert "glm4" not in known_equals(TALK, CustomRecipe(end="<eop>").recipe())


def test_the_command_line_knows_it(tmp_path: Path) -> None:
    path, own = tmp_path / "data.json", CustomRecipe(turns="last", stop="none").recipe()
    path.write_text(json.dumps({"messages": TALK}), "utf-8")
    result = CliRunner().invoke(app, ["label", str(path), "--recipe", own.id, "--json"])
    assert json.loads(result.stdout)["labels"] == glm4viz.label(TALK, own).labels.tolist()
    assert CliRunner().invoke(app, ["label", str(path), "--recipe", "custom:x"]).exit_code == 2


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(RecipeRejects):
        glm4viz.label([{"role": "user", "content": ""}], CustomRecipe(prefix=False, end="").recipe())
