"""Thoughts in the token view, in a real Chromium: they are marked, fold to a chip, and open again for whoever looks for something in them."""

import re

import numpy as np
from playwright.sync_api import Locator, Page, expect

import glm4viz
from glm4viz.inference.parity import parity
from glm4viz.readers import read_conversations
from glm4viz.ui.samples import sample_bytes
from tests.view import all_states, expect_at, open_app, token

NAME, RECIPE = "17-thinking-tools-en.json", "slime-glm4.7"
QUERY = f"?language=en&sample={NAME}&recipe={RECIPE}&max_length=4000"


def labelled(recipe: str = RECIPE) -> glm4viz.LabelledSample:
    (conversation,) = read_conversations(sample_bytes(NAME))
    assert isinstance(conversation, glm4viz.Conversation)
    return glm4viz.label(conversation, recipe, max_length=4000)


def first_thought(sample: glm4viz.LabelledSample) -> tuple[int, int]:
    """Where it starts and stops."""
    own = np.flatnonzero((sample.parts == "think") & (sample.message_index == 1))
    return int(own[0]), int(own[-1]) + 1


def chip(view: Locator, start: int) -> Locator:
    return view.locator(f'.run.think[data-run="{start}"] button.run-label')


def test_thoughts_calls_and_arguments_stand_in_brackets(page: Page, address: str) -> None:
    sample, view = labelled(), open_app(page, address, QUERY)
    start, _ = first_thought(sample)
    view.get_by_test_id("search").fill("<think>")
    page.keyboard.press("Enter")
    expect_at(page, start)
    for part, kind in (("think", "think"), ("tool_call", "call"), ("arguments", "arguments")):
        bracketed = view.locator(f".run.{kind} .tok").evaluate_all("all => all.map(e => +e.dataset.i)")
        assert set(bracketed) <= set(np.flatnonzero(sample.parts == part).tolist())
        assert set(np.flatnonzero((sample.parts == part) & (sample.message_index == 1)).tolist()) <= set(bracketed)
    labels = view.locator(f'.run[data-run="{start}"] .run-label')
    expect(labels).to_have_text(re.compile("thought"))
    assert all_states(view) == dict(enumerate(sample.trained.tolist()))


def test_a_thought_folds_to_a_chip_and_opens_for_what_is_in_it(page: Page, address: str) -> None:
    sample, view = labelled(), open_app(page, address, QUERY)
    start, stop = first_thought(sample)
    search = view.get_by_test_id("search")
    search.fill("First see")
    page.keyboard.press("Enter")
    fold, inside = chip(view, start), token(view, start + 2)
    expect(inside).to_be_visible()
    expect(fold).to_have_attribute("aria-expanded", "true")
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(fold).to_have_text(f"thought · {stop - start} tokens")
    expect(inside).to_be_hidden()
    page.keyboard.press("Enter")  # the chip has the keyboard
    expect(inside).to_be_visible()
    page.keyboard.press("Enter")
    expect(inside).to_be_hidden()
    # The keyboard walks over it, forwards and back.
    token(view, start - 1).click()
    expect_at(page, start - 1)
    page.keyboard.press("ArrowRight")
    expect_at(page, stop)
    page.keyboard.press("ArrowLeft")
    expect_at(page, start - 1)
    expect(inside).to_be_hidden()
    # The search opens it.
    search.focus()
    page.keyboard.press("Enter")
    expect(inside).to_be_visible()
    expect(fold).to_have_attribute("aria-expanded", "true")


def test_the_verdict_leads_to_where_the_server_s_prompt_is_left(page: Page, address: str) -> None:
    """Even into a thought that is folded."""
    sample, view = labelled(), open_app(page, address, QUERY)
    place = parity(sample, "glm4.7")[-1].position
    start, stop = first_thought(sample)
    assert start <= place < stop
    button = page.locator(".st-key-before_4").get_by_role("button")
    button.click()
    expect_at(page, place)
    expect(token(view, place)).to_have_class(re.compile(r"\bproblem\b"))
    chip(view, start).click()
    expect(token(view, place)).to_be_hidden()
    button.click()
    expect(token(view, place)).to_be_visible()
    expect(chip(view, start)).to_have_attribute("aria-expanded", "true")
