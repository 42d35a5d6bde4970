"""The Compare page: what it says without a browser, and what a reader does in one."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.locales import LANGUAGES, texts

ROOT = Path(__file__).parents[2]


def compare_page(language: str = "en", sample: str = "05-tool-call-zh.json", **query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params["language"] = language
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    at.switch_page("pages/compare.py").run()
    at.number_input(key="max_length").set_value(1025)
    return at.selectbox(key="sample").set_value(sample).run()


def said(at: AppTest) -> str:
    return "\n".join(element.value for kind in (at.error, at.warning, at.info, at.markdown, at.caption) for element in kind)


@pytest.mark.parametrize("language", LANGUAGES)
def test_differences_stand_there_before_any_click(language: str) -> None:
    at = compare_page(language)
    assert not at.exception
    assert at.multiselect(key="compare_recipes").value == ["glm4", "llamafactory", "glm4-combine@dfe4601"]
    found = {"en": "LLaMA-Factory teaches `<|endoftext|>`", "zh": "LLaMA-Factory 教的停止 token 是 `<|endoftext|>`"}
    assert found[language] in said(at)
    assert [header.value for header in at.subheader][:2] == [texts(language)["compare.differences"], texts(language)["compare.verdict"]]
    assert at.get_by_key("compare_view") is not None
    assert at.get_by_key("compare_heatmap") is not None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_rejection_is_shown_with_its_reason(language: str) -> None:
    at = compare_page(language, compare_recipes="glm4,chatglm,nonsense")
    assert at.multiselect(key="compare_recipes").value == ["glm4", "chatglm"]
    assert texts(language)["compare.rejects"] in at.error[0].value
    assert at.get_by_key("compare_view") is not None


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "sample_data").iterdir()))
def test_every_sample_can_be_compared(name: str) -> None:
    at = compare_page(sample=name)
    assert not at.exception
    assert at.get_by_key("compare_view") is not None


def test_all_recipes_six_at_a_time() -> None:
    ids = list(glm4viz.recipes())
    at = compare_page(sample="03-multi-turn-zh.json")
    for first in range(0, len(ids), 6):
        at.multiselect(key="compare_recipes").set_value(ids[first : first + 6]).run()
        assert not at.exception


def test_one_recipe_alone_and_none() -> None:
    at = compare_page(compare_recipes="glm4")
    assert texts("en")["compare.too_few"] in said(at)
    at.multiselect(key="compare_recipes").set_value([]).run()
    assert not at.exception
    assert texts("en")["compare.too_few"] in said(at)


@pytest.mark.parametrize("language", LANGUAGES)
def test_recipes_of_glm_4_5_are_offered_for_thoughts_and_calls(language: str) -> None:
    at = compare_page(language, sample="16-thinking-tools-zh.json")
    said_here = texts(language)
    assert at.multiselect(key="compare_recipes").value[0] == "glm4"  # nothing changes by itself
    assert said_here["compare.column.prompt"] not in at.table[0].value.columns
    at.button(key="compare_suggest").click().run()
    assert at.multiselect(key="compare_recipes").value == ["trl-glm4.5", "ms-swift-glm4.5", "llamafactory-glm4.5"]
    assert not [button for button in at.button if button.key == "compare_suggest"]
    table = at.table[0].value
    left = [said_here["compare.prompt.rewritten"].format(answer=answer, position=at) for answer, at in ((2, 307), (3, 307), (1, 4))]
    assert table[said_here["compare.column.prompt"]].tolist() == left
    trained = {"en": "thought trained", "zh": "思考参与训练"}[language]
    assert [f"3 × {trained}" in cell for cell in table[said_here["compare.column.thoughts"]]] == [False, True, True]
    assert said_here["compare.column.tool"] in table.columns


def test_no_offer_without_thoughts_and_calls_in_openai_s_form() -> None:
    at = compare_page(sample="03-multi-turn-zh.json")
    assert not [button for button in at.button if button.key == "compare_suggest"]


def test_the_matrix_has_recipes_of_the_forms_that_were_chosen() -> None:
    for chosen, forms in (("trl-glm4.5,slime-glm4.5", {"openai"}), ("glm4,trl", {"glm4"}), ("glm4,trl-glm4.5", {"glm4", "openai"})):
        at = compare_page(sample="17-thinking-tools-en.json", compare_recipes=chosen)
        members = at.table[-1].value[texts("en")["compare.column.members"]]
        refused = next((m.value for m in at.markdown[::-1] if m.value.startswith("- **")), "")
        ids = {id for cell in members for id in cell.replace("\\", "").split(", ")}
        assert {glm4viz.recipes()[id].form for id in ids} == forms
        wanted = {id for id, recipe in glm4viz.recipes().items() if recipe.form in forms}
        assert all(id in refused.replace("\\", "") for id in wanted - ids)


# In a browser ---------------------------------------------------------------------------------------------------------


def open_compare(page: Page, address: str, query: str) -> None:
    page.goto(address + query)
    page.get_by_role("link", name=re.compile("Compare|对比")).click()
    expect(page.get_by_test_id("compare-view")).to_be_visible()


def test_point_filter_and_walk(page: Page, address: str) -> None:
    open_compare(page, address, "?language=en&sample=05-tool-call-zh.json&compare_recipes=glm4,llamafactory")
    view, details = page.get_by_test_id("compare-view"), page.get_by_test_id("compare-details")
    expect(view).to_have_attribute("data-recipes", "glm4,llamafactory")
    expect(details).to_contain_text("<|endoftext|>")  # the first difference
    view.locator(".stretch", has_text="红楼梦").first.hover()
    expect(details).to_contain_text("masked")
    view.get_by_role("button", name=re.compile("Where they differ")).click()
    expect(view.locator(".stretch")).to_have_count(0)
    expect(view.locator(".chip").first).to_contain_text("<|observation|>")
    view.get_by_role("button", name=re.compile("Both")).click()
    expect(view.locator(".stretch").first).to_contain_text("title")
    view.get_by_role("button", name=re.compile("^All")).click()
    view.locator(".flow").press("n")
    expect(view.locator(".item:focus")).to_have_attribute("aria-label", re.compile("glm4 trained, llamafactory label differs"))


def test_the_address_holds_the_recipes(page: Page, address: str) -> None:
    open_compare(page, address, "?language=zh&sample=03-multi-turn-zh.json&compare_recipes=glm4,trl")
    page.get_by_role("combobox", name=re.compile("要对比的配方")).fill("unsloth")
    page.get_by_role("option", name=re.compile(r"· unsloth ·")).click()
    expect(page.get_by_test_id("compare-view")).to_have_attribute("data-recipes", "glm4,trl,unsloth")
    expect(page).to_have_url(re.compile("compare_recipes=glm4%2Ctrl%2Cunsloth"))
    page.reload()
    expect(page.get_by_test_id("compare-view")).to_have_attribute("data-recipes", "glm4,trl,unsloth")
