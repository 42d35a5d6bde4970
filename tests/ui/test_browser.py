"""The app in a real Chromium: what a reader sees and does."""

import re

from playwright.sync_api import Page, expect

import glm4viz
from tests.browser import running_app
from tests.conftest import NewPage


def open_app(page: Page, address: str, query: str = "") -> None:
    page.goto(address + query)
    expect(page.get_by_test_id("token-view")).to_be_visible()


def test_real_ids_are_on_screen_before_any_click(page: Page, address: str) -> None:
    open_app(page, address, "?language=en&sample=01-one-turn-zh.json")
    view = page.get_by_test_id("token-view")
    expect(view.locator(".tok").first).to_contain_text("[gMASK]")
    for i, token_id in enumerate((151331, 151333, 151336, 198)):
        view.locator(f'.tok[data-i="{i}"]').click()
        expect(page.get_by_test_id("explain")).to_contain_text(str(token_id))


def test_paste_and_read_why(page: Page, address: str) -> None:
    open_app(page, address, "?language=en&source=paste")
    box = page.get_by_role("textbox", name="Conversation as JSON or JSONL")
    box.fill('[{"role": "user", "content": "<script>alert(1)</script>"}, {"role": "assistant", "content": "🦙 ok"}]')
    box.press("Control+Enter")
    view = page.get_by_test_id("token-view")
    expect(view).to_contain_text("🦙")
    expect(view).to_contain_text("script")
    sample = glm4viz.label([{"role": "user", "content": "<script>alert(1)</script>"}, {"role": "assistant", "content": "🦙 ok"}])
    expect(view).to_have_attribute("data-tokens", str(len(sample)))
    for i in (2, len(sample) - 1):
        view.locator(f'.tok[data-i="{i}"]').click()
        expect(page.get_by_test_id("explain")).to_contain_text(
            "not trained" if not sample.trained[i] else "learns to stop", ignore_case=True
        )


def test_the_language_can_be_changed(page: Page, address: str) -> None:
    open_app(page, address)
    expect(page.get_by_text("Loss share").first).to_be_visible()
    page.get_by_text("中文").click()
    expect(page.get_by_text("损失占比").first).to_be_visible()
    expect(page).to_have_url(re.compile("language=zh"))


def test_the_address_keeps_the_settings(page: Page, address: str) -> None:
    open_app(page, address, "?language=en&recipe=glm4-combine@dfe4601&sample=03-multi-turn-zh.json&max_length=40")
    expect(page.get_by_role("spinbutton", name="Cut after (tokens)")).to_have_value("40")
    expect(page.get_by_test_id("token-view")).to_have_attribute("data-tokens", "40")
    expect(page.get_by_role("combobox", name="Recipe")).to_have_value(re.compile("glm4-combine@dfe4601"))
    page.get_by_role("spinbutton", name="Cut after (tokens)").fill("50")
    page.get_by_role("spinbutton", name="Cut after (tokens)").press("Enter")
    expect(page.get_by_test_id("token-view")).to_have_attribute("data-tokens", "50")
    expect(page).to_have_url(re.compile("max_length=50"))
    page.reload()
    expect(page.get_by_test_id("token-view")).to_have_attribute("data-tokens", "50")
    page.go_back()
    expect(page.get_by_test_id("token-view")).to_have_attribute("data-tokens", "40")
    expect(page.get_by_role("spinbutton", name="Cut after (tokens)")).to_have_value("40")


def test_a_page_s_own_address_works_on_a_server_that_has_just_started(page: Page) -> None:
    with running_app() as fresh:
        page.goto(f"{fresh}compare?language=zh&compare_recipes=glm4,trl")
        expect(page.get_by_text("逐步讲解").first).to_be_visible()
        expect(page).to_have_url(re.compile(r"/compare\?.*compare_recipes=glm4%2Ctrl"))
        expect(page.get_by_text("app", exact=True)).to_have_count(0)


def test_a_copied_link_shows_the_same_in_a_fresh_profile(new_page: NewPage, address: str) -> None:
    first = new_page(permissions=["clipboard-read", "clipboard-write"])
    open_app(first, address, "?language=en&source=paste&recipe=glm4@dfe4601")
    box = first.get_by_role("textbox", name="Conversation as JSON or JSONL")
    box.fill('[{"role": "user", "content": "只在链接里"}, {"role": "assistant", "content": "好的"}]')
    box.press("Control+Enter")
    expect(first.get_by_test_id("token-view")).to_contain_text("只在链接里")
    expect(first).not_to_have_url(re.compile("conversation="))  # never by itself
    first.get_by_role("button", name="Copy link with this conversation in it").click()
    expect(first.get_by_text("Copied")).to_be_visible()
    link = first.evaluate("navigator.clipboard.readText()")
    second = new_page(locale="zh-CN")
    second.goto(link)
    expect(second.get_by_test_id("token-view")).to_contain_text("只在链接里")
    expect(second.get_by_role("combobox", name="Recipe")).to_have_value(re.compile("glm4@dfe4601"))


def test_the_back_button_undoes_an_edit(page: Page, address: str) -> None:
    open_app(page, address, "?language=en&sample=02-one-turn-en.json")
    page.get_by_text("Edit the messages").click()
    for number, text in enumerate(("First edit", "Second edit"), 1):
        field = page.locator(".st-key-editor textarea").first
        field.fill(text)
        field.press("Control+Enter")
        expect(page.get_by_test_id("token-view")).to_contain_text(text)
        expect(page).to_have_url(re.compile(rf"edit={number}\b"))  # written after the page is drawn
    page.go_back()
    expect(page.get_by_test_id("token-view")).to_contain_text("First edit")
    expect(page.get_by_test_id("token-view")).not_to_contain_text("Second edit")
