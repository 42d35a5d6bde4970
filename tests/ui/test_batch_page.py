"""The Batch page: what it says in both languages, and that its numbers are the library's."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.labelling.single import label
from glm4viz.locales import LANGUAGES, texts
from glm4viz.rows.collator import collate
from glm4viz.rows.truncation import Kept, truncation_curve
from tests.readers.forms import read, read_one

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "sample_data" / "13-dataset-small.jsonl"
TWO_TURNS = [
    {"role": "user", "content": "你好"},
    {"role": "assistant", "content": "你好！"},
    {"role": "user", "content": "Bye"},
    {"role": "assistant", "content": "Goodbye!"},
]
KINDS = ("answers", "stops", "samples", "tokens")


def batch_page(language: str = "en", **query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params.update(query | {"language": language})
    at.run().switch_page("pages/batch.py").run()
    assert not at.exception
    return at


def said(at: AppTest) -> str:
    return "\n".join(element.value for kind in (at.error, at.warning, at.info, at.success, at.markdown, at.caption) for element in kind)


def numbers(at: AppTest) -> list[str]:
    return [metric.value for metric in at.metric[:4]]


def written(found: Kept, whole: Kept, language: str = "en") -> list[str]:
    return [texts(language)["verdict.of"].format(count=count, total=total) for count, total in zip(found, whole, strict=True)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_batch_is_on_screen_before_any_click(language: str) -> None:
    at = batch_page(language)
    samples = [label(found) for found in read(SMALL)[0][:8]]
    whole = truncation_curve(samples).whole
    assert numbers(at) == written(whole, whole, language)
    assert [metric.label for metric in at.metric[:4]] == [texts(language)[f"batch.kept.{kind}"] for kind in KINDS]
    rows = collate(samples)
    assert at.metric[4].value == f"{rows.shape[0]} × {rows.shape[1]}"
    assert at.metric[5].value == f"{rows.padding_share:.1%}"
    assert texts(language)["batch.lost.none"] in said(at)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", ["weights", "packing", "eval", "columns"])
def test_every_view_opens(view: str, language: str) -> None:
    at = batch_page(language, batch_view=view)
    found = said(at)
    assert texts(language)[f"batch.{view}.about"] in found
    if view == "eval":
        assert texts(language)["batch.eval.leaks"].split("{")[0] in found
    if view == "columns":
        assert "TypeError" in found or texts(language)["batch.columns.missing"] in found


def test_the_slider_shows_what_the_curve_says() -> None:
    at = batch_page()
    curve = truncation_curve([label(found) for found in read(SMALL)[0][:8]])
    for length in (1, 9, 31, 56):
        at.slider(key="batch_cut").set_value(length).run()
        assert numbers(at) == written(curve.at(length), curve.whole)
        assert at.session_state["max_length"] == length
    at.button(key="batch_previous").click().run()
    assert at.slider(key="batch_cut").value == max(b for b in curve.boundaries if b <= 56) - 1
    at.button(key="batch_next").click().run()
    assert at.slider(key="batch_cut").value == max(b for b in curve.boundaries if b <= 56)


def test_the_limit_is_that_of_other_pages() -> None:
    at = batch_page(max_length="30")
    assert at.slider(key="batch_cut").value == 30
    at.slider(key="batch_cut").set_value(20).run()
    at.switch_page("pages/inspect.py").run()
    assert at.number_input(key="max_length").value == 20


REFUSED = {"chatglm": 4, "chatglm2": 4, "internlm-alpaca": 6}  # of the first eight records
SPLITS = {"xtuner-split"}


@pytest.mark.parametrize("recipe", list(glm4viz.recipes()))
def test_every_recipe_makes_a_batch_or_says_why_not(recipe: str) -> None:
    at = batch_page(max_length="40")
    at.selectbox(key="recipe").set_value(recipe).run()
    assert not at.exception
    refused = REFUSED.get(recipe, 0)
    assert at.metric[2].value.endswith(f" of {8 - refused}") or recipe in SPLITS
    sentence = texts("en")["batch.refused"].format(count=refused, total=8)
    assert (sentence in said(at)) == bool(refused)


def test_records_can_be_chosen() -> None:
    at = batch_page(batch_pick="longest", batch_size="3")
    assert at.metric[4].value.startswith("3 × ")
    at.segmented_control(key="batch_pick").set_value("hand").run()
    at.multiselect(key="batch_records").set_value([0, 4]).run()
    samples = [label(read(SMALL)[0][i]) for i in (0, 4)]
    assert at.metric[4].value == f"2 × {max(map(len, samples))}"
    at.multiselect(key="batch_records").set_value([]).run()
    assert not at.exception


def test_bad_input_gets_a_sentence_and_good_records_survive() -> None:
    at = batch_page()
    at.segmented_control(key="source").set_value("paste").run()
    at.text_area(key="paste").set_value("hello").run()
    assert at.error
    assert not at.metric
    at.text_area(key="paste").set_value(json.dumps({"messages": TWO_TURNS}) + "\n{'bad': 1}\n").run()
    assert at.error
    assert at.metric
    assert not at.exception


def test_a_batch_without_answers_is_shown() -> None:
    at = batch_page()
    at.segmented_control(key="source").set_value("paste").run()
    at.text_area(key="paste").set_value(json.dumps([{"role": "user", "content": "hi"}])).run()
    assert not at.exception
    assert texts("en")["batch.nothing"] in said(at)


def test_a_sample_opens_in_inspect() -> None:
    at = batch_page()
    at.selectbox(key="batch_open").set_value(4).run()
    at.button(key="batch_open_go").click().run()
    assert not at.exception
    assert at.session_state["record"] == 4
    assert at.selectbox(key="sample").value == SMALL.name


# In a browser ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.get_by_test_id("token-view")).to_be_visible()
    return page


def test_the_slider_goes_through_every_boundary(page: Page) -> None:
    page.goto(f"{page.url}?language=en&source=paste")
    box = page.get_by_role("textbox", name="Conversation as JSON or JSONL")
    box.fill(json.dumps(TWO_TURNS, ensure_ascii=False))
    box.press("Control+Enter")
    curve = truncation_curve([label(TWO_TURNS)])
    longest = len(curve.lengths)
    expect(page.get_by_test_id("token-view")).to_have_attribute("data-tokens", str(longest))  # it has been read
    page.get_by_test_id("stSidebarNav").get_by_text("Batch").click()
    slider = page.get_by_role("slider")
    expect(slider).to_have_value(str(longest))
    values = page.locator(".st-key-batch_kept").get_by_test_id("stMetricValue")
    assert len(curve.boundaries) == 5, "a sample, and two answers with their stop tokens"
    slider.focus()
    for length in range(longest, 0, -1):
        if length < longest:
            slider.press("ArrowLeft")
        for i, text in enumerate(written(curve.at(length), curve.whole)):
            expect(values.nth(i)).to_have_text(text)
        expect(slider).to_have_value(str(length))
    page.get_by_role("button", name="Up to the next gain").click()
    expect(slider).to_have_value(str(curve.boundaries[0]))
    page.locator(".st-key-batch_open_go").get_by_role("button").click()
    expect(page.get_by_test_id("token-view")).to_have_attribute("data-tokens", str(curve.boundaries[0]))


def test_a_link_shows_the_same_batch(page: Page) -> None:
    page.goto(page.url.partition("?")[0].rstrip("/") + "/batch?language=zh&sample=03-multi-turn-zh.json&max_length=30&batch_view=eval")
    slider = page.get_by_role("slider")
    expect(slider).to_have_value("30")
    whole = truncation_curve([label(read_one(ROOT / "sample_data" / "03-multi-turn-zh.json"))])
    values = page.locator(".st-key-batch_kept").get_by_test_id("stMetricValue")
    for i, text in enumerate(written(whole.at(30), whole.whole, "zh")):
        expect(values.nth(i)).to_have_text(text)
    expect(page.get_by_text("答案泄漏到了输入里")).to_be_visible()
    page.get_by_role("button", name="增大到下一处恢复").click()
    after = next(b for b in whole.boundaries if b > 30)
    expect(slider).to_have_value(str(after))
    expect(page).to_have_url(re.compile(f"max_length={after}"))
