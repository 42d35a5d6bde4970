"""The token view of the Inspect page in a real Chromium: what a reader sees and does, compared with what the library says."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import glm4viz
from glm4viz.reading.reasons import ORDER, REASONS, reasons
from glm4viz.reading.verdict import verdict
from glm4viz.ui.inspect.verdict import SHOWN_TURNS, find, problems
from glm4viz.ui.web.token_view.texts import TEXTS
from tests.view import all_states, expect_among, expect_at, explained, indexes, open_app, open_messages, sample_messages, token

# The labels ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["01-one-turn-zh.json", "06-thought-then-call-en.json", "07-emoji-and-code.json"])
def test_every_token_is_drawn_as_the_library_labels_it(page: Page, address: str, name: str) -> None:
    for recipe in ("glm4", "glm4-combine@dfe4601", "chatglm3"):
        sample = glm4viz.label(sample_messages(name), recipe, max_length=1025)
        view = open_app(page, address, f"?language=en&sample={name}&recipe={recipe}&max_length=1025")
        expect(view).to_have_attribute("data-tokens", str(len(sample)))
        assert all_states(view) == dict(enumerate(sample.trained.tolist())), recipe


def test_shifted_labels_mark_the_position_that_predicts(page: Page, address: str) -> None:
    view = open_app(page, address, "?language=en&sample=04-system-multi-turn-en.json")
    targets = glm4viz.label(sample_messages("04-system-multi-turn-en.json")).targets
    toggle = view.get_by_test_id("toggle-shift")
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    assert all_states(view) == dict(enumerate((targets != glm4viz.IGNORE).tolist()))


# One token -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hover_and_pin_explain_a_token(page: Page, address: str, language: str) -> None:
    name = "03-multi-turn-zh.json"
    view = open_app(page, address, f"?language={language}&sample={name}")
    sample, texts = glm4viz.label(sample_messages(name), max_length=1025), TEXTS[language]
    tag = int(np.flatnonzero((sample.parts == "role_tag") & sample.trained)[0])  # the tag that ends the first answer
    for i in (0, 2, 3, 6, tag - 1, tag):
        token(view, i).hover()
        expect_at(page, i)
        rows, label = explained(page), int(sample.labels[i])
        assert rows[texts["position"]] == str(i)
        assert rows[texts["id"]] == str(sample.input_ids[i])
        assert rows[texts["bytes"]].startswith(sample.token_bytes[i].hex(" ").upper())
        assert rows[texts["why"]] == REASONS[ORDER[reasons(sample)[i]]][language]
        assert rows[texts["label"]].startswith(texts["ignored"] if label == glm4viz.IGNORE else str(label))
        target = int(sample.targets[i])
        assert rows[texts["target"]].startswith(texts["ignored"] if target == glm4viz.IGNORE else str(target))
        for row, message in (("role", sample.message_index[i]), ("owner", sample.owner[i])):
            assert (f"[{message}]" in rows[texts[row]]) == (message >= 0)
        assert rows[texts["part"]]
        assert rows[texts["predicted_by"]] == texts["first"] or rows[texts["predicted_by"]].endswith(str(i - 1))
    token(view, tag).click()
    expect(token(view, tag)).to_have_class(re.compile(r"\bpinned\b"))
    page.mouse.move(5, 5)
    expect_at(page, tag)
    view.get_by_role("button", name=texts["unpin"]).click()
    expect(view.locator(".pinned")).to_have_count(0)
    expect(view.locator(".flow")).to_be_focused()


def test_a_click_on_the_verdict_leads_to_the_token(page: Page, address: str) -> None:
    view = open_app(page, address, "?language=en&sample=08-long-zh-en.json&max_length=3000")
    sample = glm4viz.label(sample_messages("08-long-zh-en.json"), max_length=3000)
    turns = verdict(sample).turns[:SHOWN_TURNS]
    stop = turns[-1].stop
    assert stop is not None
    assert sample.parts[stop] in ("role_tag", "stop")
    for _ in range(2):
        page.locator(f".st-key-turn_{len(turns)}").get_by_role("button").click()
        expect_at(page, stop)
        expect(token(view, stop)).to_be_in_viewport()
        expect(view.locator(".flow")).to_be_focused()
        page.keyboard.press("Control+Home")  # and again: the same wish is granted anew
        expect_at(page, 0)


# The keyboard --------------------------------------------------------------------------------------------------------------------


def test_the_keyboard_walks_through_the_text(page: Page, address: str) -> None:
    view = open_app(page, address, "?language=en&sample=08-long-zh-en.json&max_length=300")
    sample, flow = glm4viz.label(sample_messages("08-long-zh-en.json"), max_length=300), view.locator(".flow")
    flow.focus()
    press = page.keyboard.press
    count = len(sample)
    press("Control+Home")
    expect_at(page, 0)
    for _ in range(4):
        press("ArrowRight")
    expect_at(page, 4)
    expect(flow).to_have_attribute("aria-activedescendant", "token-4")
    press("ArrowLeft")
    expect_at(page, 3)
    press("Control+End")
    expect_at(page, count - 1)
    expect(token(view, count - 1)).to_be_in_viewport()
    press("Control+Home")
    expect_at(page, 0)
    press("ArrowDown")
    below = expect_among(page, range(1, count))
    press("End")
    expect_among(page, range(below, count))
    press("Home")
    begin = expect_among(page, range(1, below + 1))
    press("ArrowUp")
    expect_among(page, range(begin))
    press("Enter")
    expect(view.locator(".pinned").first).to_be_visible()
    press("Escape")
    expect(view.locator(".pinned")).to_have_count(0)

    runs = np.flatnonzero(sample.trained & ~np.append(False, sample.trained[:-1]))
    messages = np.flatnonzero(np.diff(sample.message_index, prepend=-2))
    for key, places in (("t", runs), ("m", messages[1:])):
        press("Control+Home")
        for place in places[:3]:
            press(key)
            expect_at(page, int(place))
    press("Control+Home")
    press("Shift+M")
    expect_at(page, int(messages[-1]))
    press("Control+Home")
    marks = {mark["token"] for mark in problems(find(sample, verdict(sample)))}
    assert count - 1 in marks, "max_length cuts this sample, and its last token says so"
    for place in range(1, count):
        if place in marks:
            press("p")
            expect_at(page, place)


def test_messages_fold(page: Page, address: str) -> None:
    view = open_app(page, address)
    rails = view.locator(".rail")
    rails.nth(1).click()
    expect(rails.nth(1)).to_have_attribute("aria-expanded", "false")
    view.locator(".flow").focus()
    page.keyboard.press("Control+Home")
    page.keyboard.press("m")  # a folded message that one goes to opens
    expect(rails.nth(1)).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("c")
    expect(rails.nth(1)).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("c")
    expect(view.locator('.rail[aria-expanded="false"]')).to_have_count(0)


# Search, toggles, legend ---------------------------------------------------------------------------------------------------------


def test_search(page: Page, address: str) -> None:
    messages = [{"role": "user", "content": "Tokenization of unbelievable words"}, {"role": "assistant", "content": "unbelievable words"}]
    view = open_messages(page, address, messages)
    sample = glm4viz.label(messages)
    text = b"".join(sample.token_bytes)
    start = text.index(b"unbelievable words")
    ends = np.cumsum([len(b) for b in sample.token_bytes])
    box, found = view.get_by_test_id("search"), view.get_by_test_id("found")
    box.fill("believable wor")  # begins and ends inside tokens
    expect(found).to_have_text("2 found")
    box.press("Enter")
    expect(found).to_have_text("1 of 2")
    expect_at(page, int(np.searchsorted(ends, start + 2, side="right")))
    box.press("Enter")
    expect(found).to_have_text("2 of 2")
    box.press("Shift+Enter")
    expect(found).to_have_text("1 of 2")
    places = [text.index(b"believable wor"), text.rindex(b"believable wor")]
    inside = (ends[:, None] > places) & (ends[:, None] - [[len(b)] for b in sample.token_bytes] < np.add(places, 14))
    assert indexes(view.locator(".tok.match"), int(inside.sum())) == np.flatnonzero(inside.any(1)).tolist()
    tag = int(sample.input_ids[2])
    for query in (f"#{tag}", "<|user|>"):
        box.fill(query)
        expect(view.locator(".tok.match")).to_have_count(int((sample.input_ids == tag).sum()))
    box.fill("no such text")
    expect(found).to_have_text("not found")
    box.press("Escape")
    expect(view.locator(".match")).to_have_count(0)
    expect(view.locator(".flow")).to_be_focused()


def test_ids_whitespace_and_legend(page: Page, address: str) -> None:
    messages = [{"role": "user", "content": "a  b\tc\n"}, {"role": "assistant", "content": "zero\u200bwidth"}]
    view, sample = open_messages(page, address, messages), glm4viz.label(messages)
    view.get_by_test_id("toggle-ids").click()
    tokens = view.locator(".tok")
    expect(tokens).to_have_count(len(sample))
    assert tokens.evaluate_all("all => all.map(e => +e.dataset.id)") == sample.input_ids.tolist()
    view.get_by_test_id("toggle-space").click()
    expect(view.locator('.mark[data-sign="→"]')).to_have_count(1)
    expect(view.locator('.mark[data-sign="⟨U+200B⟩"]')).to_have_count(1)
    expect(view.locator(".spaces").first).to_be_visible()
    for entry, keep in (("state:trained", sample.trained), ("state:masked", ~sample.trained), ("role:user", sample.roles == "user")):
        button = view.locator(f'[data-entry="{entry}"]')
        expect(button.locator(".count")).to_have_text(re.compile(rf"(^|/){int(keep.sum())}$"))
        button.click()
        assert indexes(view.locator(".tok:not(.dim)"), int(keep.sum())) == np.flatnonzero(keep).tolist()
        view.locator(f'[data-entry="{entry}"]').click()
        expect(view.locator(".tok.dim")).to_have_count(0)
