"""Inspect on conversations with thoughts and calls: which recipe is offered, what is said of thoughts and of the server's prompt."""

import json
import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.inference.parity import parity
from glm4viz.locales import LANGUAGES, texts
from glm4viz.readers import read_conversations
from glm4viz.reading.thoughts import thoughts
from glm4viz.ui.samples import sample_bytes
from glm4viz.ui.widgets.settings import ANY, FAMILIES, THINKING, family, recipe_names
from tests.ui.test_app import GOOD, app, pasted, said

SAMPLE = "17-thinking-tools-en.json"
PLAIN_THOUGHT = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "reasoning_content": "Greet.", "content": "Hi!"}]}


def opened(recipe: str, language: str = "en") -> AppTest:
    at = app(language)
    at.session_state["recipe"] = recipe
    at.selectbox(key="sample").set_value(SAMPLE).run()
    assert not at.exception
    return at


def labelled(recipe: str) -> glm4viz.LabelledSample:
    (conversation,) = read_conversations(sample_bytes(SAMPLE))
    assert isinstance(conversation, glm4viz.Conversation)
    return glm4viz.label(conversation, recipe, max_length=100_000)


# Choosing -------------------------------------------------------------------------------------------------------------


def test_recipes_stand_in_groups_by_the_models_they_train() -> None:
    families = [family(glm4viz.recipes()[id]) for id in recipe_names()]
    assert families == sorted(families, key=["GLM-4", *FAMILIES].index)
    assert recipe_names().keys() == glm4viz.recipes().keys()
    assert recipe_names()["trl-glm4.5"] == "GLM-4.5 · trl-glm4.5 · TRL 2026-10-15"
    assert all(
        (recipe.form == "openai") == (family(recipe) in ("GLM-4.5", "GLM-4.7", "GLM-Z1", ANY)) for recipe in glm4viz.recipes().values()
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_recipe_of_glm_4_5_is_offered_and_taken_by_a_click(language: str) -> None:
    at = opened("glm4", language)
    assert at.session_state["recipe"] == "glm4"
    assert texts(language)["suggest.both"] in said(at)
    at.button(key="suggest").click().run()
    assert at.session_state["recipe"] == THINKING
    assert texts(language)["suggest.both"] not in said(at)


def test_a_thought_alone_is_enough_and_a_plain_conversation_is_left_in_peace() -> None:
    assert texts("en")["suggest.thoughts"] in said(pasted(json.dumps(PLAIN_THOUGHT)))
    assert "suggest" not in [button.key for button in pasted(GOOD).button]


def test_what_was_mapped_is_said_by_the_recipe_that_needed_it() -> None:
    call = {"role": "assistant", "metadata": "now", "content": "{}"}
    text = json.dumps({"messages": [{"role": "user", "content": "hi"}, call, {"role": "observation", "content": "1"}]})
    at = pasted(text)
    at.selectbox(key="recipe").set_value("trl-glm4.5").run()
    assert "its calls became" in said(at)
    assert "became an assistant message" in said(opened("glm4"))
    assert "became an assistant message" not in said(opened("trl-glm4.5"))


# The verdict ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("recipe", "template"), [("trl-glm4.5", "glm4.5"), ("slime-glm4.7", "glm4.7"), ("ms-swift-glm4.5", "glm4.5")])
def test_every_answer_has_its_thought_and_its_place_in_the_server_s_prompt(recipe: str, template: str) -> None:
    at, sample = opened(recipe), labelled(recipe)
    found = parity(sample, template)
    assert {answer.kind for answer in found} > {"same"}
    for number, (answer, thought) in enumerate(zip(found, thoughts(sample), strict=True), 1):
        line = at.button(key=f"before_{number}").label
        assert thought.text["en"] in line
        assert ("prompt as the server sends it" in line) == answer.same
        assert answer.same or f"at token {answer.position}" in line
        assert (":red[" in line) == (answer.kind == "rewritten")


def test_a_click_leads_to_the_token_where_the_prompt_is_left() -> None:
    at, sample = opened("trl-glm4.5"), labelled("trl-glm4.5")
    at.button(key="before_2").click().run()
    assert at.session_state["focus"][0] == parity(sample, "glm4.5")[1].position
    at.button(key="before_1").click().run()
    assert sample.message_index[at.session_state["focus"][0]] == 1


def test_rewritten_history_is_never_green() -> None:
    at = opened("trl-glm4.5")
    assert texts("en")["verdict.good"] not in said(at)
    assert texts("en")["verdict.rewritten"].format(count=2, total=4) in said(at)


def test_glm_4_has_no_lines_on_the_server() -> None:
    assert not [button for button in app().button if str(button.key).startswith("before_")]


# The editor -----------------------------------------------------------------------------------------------------------


def field(at: AppTest, index: int, name: str) -> Any:
    return next(area for area in at.text_area if re.fullmatch(rf"editor_{index}_-?\d+_{name}", str(area.key)))


def edited(at: AppTest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(at.text_area(key="paste").value or "")
    return found


def test_the_editor_keeps_thoughts_calls_and_tools_and_refuses_what_could_not_be_read() -> None:
    at, record = opened("trl-glm4.5"), json.loads(sample_bytes(SAMPLE))
    at.session_state["editor"] = True
    at.run()
    field(at, 1, "reasoning_content").set_value("Look it up first.").run()
    assert not at.exception
    record["messages"][1]["reasoning_content"] = "Look it up first."
    assert edited(at) == {"messages": record["messages"], "tools": record["tools"]}
    field(at, 3, "tool_calls").set_value("").run()
    del record["messages"][3]["tool_calls"]
    assert edited(at)["messages"] == record["messages"]
    field(at, 1, "tool_calls").set_value('[{"function": {}}]').run()
    assert any("function.name" in error.value.replace("\\", "") for error in at.error)
    field(at, 1, "tool_calls").set_value("[").run()
    assert texts("en")["editor.json_error"] in said(at)
    assert edited(at)["messages"] == record["messages"]
    field(at, -1, "tools").set_value("").run()
    assert edited(at) == {"messages": record["messages"]}
    at.button(key="editor_reset").click().run()
    assert edited(at) == {name: json.loads(sample_bytes(SAMPLE))[name] for name in ("messages", "tools")}


def test_prompts_that_were_not_compared_are_not_called_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glm4viz.inference.parity.MOST_TOKENS", 0)
    at = pasted(json.dumps(PLAIN_THOUGHT))
    at.selectbox(key="recipe").set_value("trl-glm4.5").run()
    assert texts("en")["verdict.not_compared"] in [info.value for info in at.info]
    assert not at.success
