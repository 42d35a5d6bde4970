"""The Recipes page: every card shows what the library labels; your own rule and your config choose the recipe."""

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.errors import RecipeRejects
from glm4viz.locales import LANGUAGES, texts
from glm4viz.reading.example import EXAMPLES, chips, example_for, source_code, symbols, worked_example
from glm4viz.recipe import IGNORE
from glm4viz.systems.own import CustomRecipe
from tests.conftest import CONVERSATIONS, ROWS

ROOT = Path(__file__).parents[2]
TWO_TURNS = "open-system-two-turns"
GOLDEN = {
    row["recipe"]: row for row in ROWS if row["conversation"] == TWO_TURNS and not row.get("cut") and row["recipe"] in glm4viz.recipes()
}


def app(page: str = "", language: str = "en", **query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in ({"language": language} | query).items():
        at.query_params[name] = value
    at.run()
    if page:
        at.switch_page(f"pages/{page}.py").run()
    assert not at.exception
    return at


def said(at: AppTest) -> str:
    return "\n".join(
        element.value for kind in (at.markdown, at.caption, at.subheader, at.header, at.success, at.warning, at.error) for element in kind
    )


# The worked example ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", GOLDEN)
def test_the_chips_mark_exactly_the_golden_labels(recipe: str) -> None:
    row, messages = GOLDEN[recipe], CONVERSATIONS[TWO_TURNS]
    example = worked_example(glm4viz.recipes()[recipe], messages)
    if "input_ids" not in row:
        assert isinstance(example.refused, RecipeRejects)
        return
    (sample,) = example.samples
    labels = np.array(row["labels"])
    plain = chips(sample)
    assert [i for chip in plain for i in chip.ids] == row["input_ids"]
    assert [chip.trained for chip in plain] == (labels != IGNORE).tolist()
    differs = (labels != IGNORE) & (labels != np.array(row["input_ids"]))
    assert [bool(chip.label) for chip in plain] == differs.tolist()
    short = chips(sample, symbols(messages))
    assert [chip.trained for chip in short for _ in chip.ids] == (labels != IGNORE).tolist()
    assert {"S", "U1", "A1", "U2", "A2"} >= {chip.text for chip in short if chip.part == "content" and len(chip.ids) > 1}


def test_the_textbook_line_of_glm4() -> None:
    (sample,) = worked_example(glm4viz.recipes()["glm4"], EXAMPLES["en"]).samples
    line = " ".join(f"**{chip.text}**" if chip.trained else chip.text for chip in chips(sample, symbols(EXAMPLES["en"])))
    assert line == (
        "[gMASK] <sop> <|system|> ⏎ S <|user|> ⏎ U1 <|assistant|> **⏎** **A1** **<|user|>** ⏎ U2 <|assistant|> **⏎** **A2** **<|endoftext|>**"
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("recipe", list(glm4viz.recipes()))
def test_every_recipe_has_a_worked_example(recipe: str, language: str) -> None:
    found = glm4viz.recipes()[recipe]
    example = worked_example(found, example_for(found, language))
    assert example.samples
    assert found.form == "glm4" or any((sample.parts == "think").any() for sample in example.samples)
    assert all(chip.text for sample in example.samples for chip in chips(sample, symbols(sample.messages)))
    assert f'"{recipe}"' in source_code(found)


@pytest.mark.parametrize("recipe", ["glm4", "llamafactory"])
def test_a_tools_text_is_one_chip(recipe: str) -> None:
    sample = glm4viz.label(CONVERSATIONS["open-tool-call"], recipe)
    folded = [chip for chip in chips(sample, {}) if chip.part == "tools"]
    assert len(folded) == 1
    assert len(folded[0].ids) == (sample.parts == "tools").sum()


def test_a_character_in_pieces_is_shown_in_hexadecimal() -> None:
    sample = glm4viz.label([{"role": "assistant", "content": "𓀀 \ta"}])
    assert "�" not in "".join(chip.text for chip in chips(sample))
    assert "⇥" in "".join(chip.text for chip in chips(sample))


# The page -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_recipe_has_a_card(language: str) -> None:
    at = app("recipes", language)
    assert [heading.value.replace("\\", "") for heading in at.subheader] == list(glm4viz.recipes())
    assert [heading.value for heading in at.header][1:] == list(dict.fromkeys(r.system for r in glm4viz.recipes().values()))
    for recipe in glm4viz.recipes().values():
        assert recipe.rule[language].replace("|", "") in said(at).replace("\\", "").replace("|", "")


def test_the_search_looks_at_rules_and_sources() -> None:
    at = app("recipes")
    at.text_input(key="recipe_search").set_value("ff6d4d1 mask_history").run()
    assert [heading.value.replace("\\", "") for heading in at.subheader] == ["llamafactory-mask-history"]
    at.text_input(key="recipe_search").set_value("no such recipe").run()
    assert not at.subheader
    assert texts("en")["recipes.count"].format(count=0, total=len(glm4viz.recipes())) in said(at)


def test_the_chosen_recipe_s_card_is_open() -> None:
    at = app("recipes", recipe="axolotl")
    assert len(at.code) == 1
    assert "find_turn" in at.code[0].value
    assert "https://github.com/axolotl-ai-cloud/axolotl/blob/067b021/" in said(at)


def test_a_card_opens_in_inspect() -> None:
    at = app("recipes")
    at.button(key="inspect_ms_swift").click().run()
    assert not at.exception
    assert at.selectbox(key="recipe").value == "ms-swift"


@pytest.mark.parametrize("kind", ["texts", "mine"])
def test_the_other_conversations(kind: str) -> None:
    at = app("recipes")
    at.segmented_control(key="recipe_example").set_value(kind).run()
    assert not at.exception
    assert (texts("en")["recipes.mine"] in said(at)) == (kind == "mine")


def test_a_long_conversation_is_not_shown_here() -> None:
    at = app()
    at.selectbox(key="sample").set_value("08-long-zh-en.json").run()
    at.switch_page("pages/recipes.py").run()
    at.segmented_control(key="recipe_example").set_value("mine").run()
    assert "too long" in said(at)


# Your own rule and your config ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_your_own_rule(language: str) -> None:
    at = app(language=language, recipe="custom")
    assert "`glm4`" in said(at)
    at.segmented_control(key="custom_turns").set_value("last").run()
    at.segmented_control(key="custom_stop").set_value("own").run()
    at.toggle(key="custom_newline").set_value(False).run()
    assert not at.exception
    own = CustomRecipe(turns="last", stop="own", newline=False)
    assert at.session_state["custom"] == own.code
    assert own.rule()[language].replace("|", "") in said(at).replace("\\", "").replace("|", "")
    at.switch_page("pages/recipes.py").run()
    assert at.subheader[0].value.replace("\\", "") == own.recipe().id
    at.switch_page("pages/inspect.py").run()
    assert at.session_state["custom"] == own.code
    assert at.segmented_control(key="custom_turns").value == "last"


def test_your_own_rule_in_the_address() -> None:
    own = CustomRecipe(turns="last", end="", roles=("user", "assistant"))
    at = app(recipe="custom", custom=own.code)
    assert at.segmented_control(key="custom_turns").value == "last"
    at.segmented_control(key="custom_stop").set_value("own").run()
    assert not at.exception
    assert at.selectbox(key="custom_end").value == "<|endoftext|>"
    assert app(recipe="custom", custom="nonsense").session_state["custom"] == CustomRecipe().code


@pytest.mark.parametrize("language", LANGUAGES)
def test_your_training_config(language: str) -> None:
    at = app(language=language)
    config = {"stage": "sft", "template": "glm4", "cutoff_len": 77, "packing": True, "tool_format": "default"}
    at.text_area(key="config_paste").set_value(json.dumps(config)).run()
    at.button(key="config_use").click().run()
    assert not at.exception
    assert at.selectbox(key="recipe").value == "llamafactory"
    assert at.number_input(key="max_length").value == 76
    assert texts(language)["config.not_honoured"] in said(at)
    at.text_area(key="config_paste").set_value("data_config: {}\ncombine: true\nmax_input_length: 10\nmax_output_length: 5").run()
    at.button(key="config_use").click().run()
    assert (at.selectbox(key="recipe").value, at.number_input(key="max_length").value) == ("glm4-combine@dfe4601", 16)
    assert at.number_input(key="max_input_length").value == 10
    at.text_area(key="config_paste").set_value("nonsense").run()
    at.button(key="config_use").click().run()
    assert at.error
    assert at.selectbox(key="recipe").value == "glm4-combine@dfe4601"
