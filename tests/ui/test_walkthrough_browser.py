"""The Walkthrough played to the end in a real browser."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

import glm4viz
from glm4viz.walkthrough.steps import walk
from tests.conftest import NewPage
from tests.walkthrough import TWO_TURNS


@pytest.fixture
def page(new_page: NewPage) -> Page:
    return new_page(reduced_motion="reduce")


def open_walk(page: Page, address: str, query: str) -> None:
    page.goto(f"{address}?language=en&sample=15-two-turns-en.json&{query}")
    page.get_by_role("link", name="Walkthrough", exact=True).click()
    expect(page.get_by_text(re.compile(r"^Step \d+ of \d+$"))).to_be_visible()


def go_on(page: Page, step: int, count: int) -> None:
    page.get_by_role("button", name="Next").first.click()
    expect(page.get_by_text(f"Step {step} of {count}", exact=True)).to_be_visible()


def column(page: Page, i: int) -> Locator:
    return page.get_by_test_id("walk-lists").locator(f'.column[data-i="{i}"]')


@pytest.mark.parametrize("recipe", ["glm4", "glm4-combine@dfe4601", "xtuner-split"])
def test_it_can_be_played_to_the_end(page: Page, address: str, recipe: str) -> None:
    open_walk(page, address, f"recipe={recipe}")
    steps = walk(TWO_TURNS, recipe)
    sample = steps[-1].sample
    for number, step in enumerate(steps, 1):
        if number > 1:
            go_on(page, number, len(steps))
        # A board of the step before may stay for a moment.
        board = page.locator(f'[data-testid="walk-lists"][data-step^="{step.kind}-"]')
        if step.kind in ("shift", "labels"):
            cells = board.locator(".column[data-i] .cell:nth-of-type(3)")
            shown = ["T" if one else "F" for one in sample.trained] if step.kind == "shift" else [str(x) for x in sample.labels]
            expect(cells).to_have_count(len(sample))
            assert [text.split()[-1].replace("−", "-") for text in cells.all_text_contents()] == shown
        if step.kind == "message":
            expect(board.locator(".column.new")).to_have_count(step.stop - step.start)
        if step.kind not in ("start", "predict", "ways"):
            expect(page.get_by_test_id("walk-source").locator(".lit")).not_to_have_count(0)
    expect(page.get_by_test_id("walk-table")).to_contain_text("1 of 2 answers teach nothing.")
    expect(page.get_by_role("button", name="Next").first).to_be_disabled()
    expect(page).to_have_url(re.compile(f"step={len(steps)}"))


def test_a_guess_is_judged_and_explained(page: Page, address: str) -> None:
    steps = walk(TWO_TURNS)
    at = 1 + next(k for k, step in enumerate(steps) if step.question == "answer")
    open_walk(page, address, f"step={at}")
    board, asked = page.get_by_test_id("walk-lists"), steps[at - 1]
    # The usual guess: the whole answer, tag and all.
    for i in range(asked.start, asked.stop):
        column(page, i).get_by_role("button").click()
    board.get_by_role("button", name="Check").click()
    shown = asked.stop - 2  # all but the prefix
    expect(board).to_contain_text(f"{shown - 1} of {shown} right")
    expect(board.locator(".column.wrong")).to_have_count(1)
    expect(column(page, asked.start)).to_contain_text("✗ masked")
    expect(board.locator(".reasons li").first).to_contain_text("the token before it is not part of an answer")
    board.get_by_role("button", name="Try again").click()
    for i in range(asked.start + 1, asked.stop):
        column(page, i).get_by_role("button").click()
    board.get_by_role("button", name="Check").click()
    expect(board).to_contain_text(f"All {shown} right!")
    # It is kept while the reader goes on and comes back.
    go_on(page, at + 1, len(steps))
    page.get_by_role("button", name="Previous").first.click()
    expect(page.get_by_text(f"Step {at} of {len(steps)}", exact=True)).to_be_visible()
    expect(board).to_contain_text(f"All {shown} right!")


@pytest.mark.parametrize(("question", "reason"), [("next", "the stop signal"), ("final", "learns to stop there")])
def test_the_stop_is_what_a_guess_must_find(page: Page, address: str, question: str, reason: str) -> None:
    steps = walk(TWO_TURNS)
    at = 1 + next(k for k, step in enumerate(steps) if step.question == question)
    open_walk(page, address, f"step={at}")
    board, first = page.get_by_test_id("walk-lists"), steps[at - 1].start
    # By keyboard alone.
    column(page, first).get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(column(page, first).get_by_role("button")).to_have_attribute("aria-pressed", "true")
    board.get_by_role("button", name="Check").focus()
    page.keyboard.press("Enter")
    expect(board.locator(".score.good")).to_be_visible()
    expect(board.locator(".reasons")).to_contain_text(reason)


def test_the_shift_can_be_seen_moving(new_page: NewPage, address: str) -> None:
    page = new_page(reduced_motion="no-preference")
    at = 1 + next(k for k, step in enumerate(walk(TWO_TURNS)) if step.kind == "shift")
    open_walk(page, address, f"step={at}")
    board = page.get_by_test_id("walk-lists")
    # In one breath: on a busy machine the move may be over when a second question comes.
    moving = board.get_by_role("button", name="Show the move again").evaluate(
        """button => {
          button.click();
          const cells = [...button.closest("[data-testid=walk-lists]").querySelectorAll(".cell")];
          return cells.filter((cell) => cell.getAnimations().length).length;
        }"""
    )
    assert moving == len(glm4viz.label(TWO_TURNS))
    expect(board.locator(".column.boundary")).to_have_count(4)
    expect(board.locator(".flag").nth(1)).to_have_text("F→T")


def test_narrow_pages_scroll_only_down(new_page: NewPage, address: str) -> None:
    page = new_page(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page.goto(f"{address}?language=zh&sample=14-two-turns-zh.json")
    expect(page.get_by_test_id("token-view")).to_be_visible()
    for kind in ("shift", "padding", "ways"):
        at = 1 + next(k for k, step in enumerate(walk(TWO_TURNS)) if step.kind == kind)
        page.goto(f"{address}walkthrough?language=zh&sample=14-two-turns-zh.json&step={at}")
        expect(page.get_by_text(re.compile(f"^第 {at} 步"))).to_be_visible()
        expect(page.locator(".board >> nth=0")).to_be_attached()
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")


def test_a_step_past_the_end_is_the_last(page: Page, address: str) -> None:
    open_walk(page, address, "step=999")
    count = len(walk(TWO_TURNS))
    expect(page.get_by_text(f"Step {count} of {count}", exact=True)).to_be_visible()
