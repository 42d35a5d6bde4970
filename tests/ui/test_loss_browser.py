"""The Loss page in a real Chromium: a stranger's conversation, from the paste to the pictures."""

import json
from itertools import pairwise

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.conftest import NewPage
from tests.ui.test_loss_pictures import FOREIGN
from tests.view import expect_accessible

TEXTS = {
    "en": ("Where the loss comes from", "Loss along the answer", "Masked tokens too", "Against another model"),
    "zh": ("损失从哪里来", "损失沿回答的变化", "也显示被屏蔽的 token", "与另一个模型对照"),
}


def paste(page: Page, address: str, language: str) -> None:
    page.goto(f"{address}loss?language={language}&source=paste")
    box = page.locator("textarea").first
    expect(box).to_be_visible()
    box.fill(json.dumps(FOREIGN))
    box.press("Control+Enter")
    expect(page.get_by_test_id("token-view")).to_contain_text("kidney")


def figure(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key}")


@pytest.mark.parametrize(("language", "width", "scheme"), [("en", 1440, "light"), ("zh", 390, "dark")])
def test_a_stranger_sees_where_the_loss_is(new_page: NewPage, address: str, language: str, width: int, scheme: str) -> None:
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    paste(page, address, language)
    shares, along, masked, against = TEXTS[language]
    for heading in (shares, along):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    bars = figure(page, "loss_shares")
    expect(bars).to_contain_text("[1]")  # by turn, for by role there is but one group
    expect(bars).to_contain_text("[3]")
    lines = figure(page, "loss_along").locator(".annotation")
    expect(lines).to_have_count(3)
    tops = sorted(box["y"] for box in (line.locator("text").bounding_box() for line in lines.all()) if box)
    assert all(lower - upper > 12 for upper, lower in pairwise(tops)), "no label lies on another"
    page.get_by_text(masked).click()
    expect(bars.locator(".ytick").filter(has_text="[0]")).to_be_visible()
    page.get_by_text(against).click()
    expect(figure(page, "loss_against_stops")).to_contain_text("demo-no-stop")
    expect(figure(page, "loss_against_heatmap").locator(".heatmaplayer")).to_be_visible()
    expect_accessible(page)
