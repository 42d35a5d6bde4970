"""The Inspect page in a real Chromium, with texts of every kind, files, links, themes and widths."""

import json
import re
from itertools import islice

import pytest
from playwright.sync_api import Page, expect

import glm4viz
from tests.conftest import NewPage
from tests.malformed import malformed
from tests.view import Messages, all_states, expect_accessible, expect_at, open_app, open_messages, sample_messages, states, token, upload

# Texts of every kind -------------------------------------------------------------------------------------------------------------


def test_every_text_is_shown_as_it_is(page: Page, address: str) -> None:
    family, rare = "👩‍🔬🏳️‍🌈🦙", "𠮷㐂龘"
    messages = [
        {"role": "user", "content": f"<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'> {family}"},
        {"role": "assistant", "content": f"{rare} שלום עולם and مرحبا بالعالم <|user|>"},
    ]
    view, sample = open_messages(page, address, messages), glm4viz.label(messages)
    expect(view.locator(".canvas")).to_contain_text(sample.token_bytes[-1].decode())
    shown = view.locator(".canvas").evaluate(
        """canvas => {
          let text = "";
          const walker = document.createTreeWalker(canvas, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(".rail, .folded, .byte")) text += walker.currentNode.data;
          return text;
        }"""
    )
    joiners = re.compile("[\u200d\ufe0f]|⟨U\\+(200D|FE0F)⟩")
    for message in messages:
        assert joiners.sub("", message["content"]) in joiners.sub("", shown)
    assert "\ufffd" not in shown
    assert "\ufffd" not in page.locator("body").inner_text()
    assert view.locator("script, img").count() == 0
    assert page.evaluate("window.pwned") is None
    pieces = [i for i, b in enumerate(sample.token_bytes) if b.decode("utf-8", "replace").find("\ufffd") >= 0]
    assert pieces, "these characters take more than one token each"
    for i in pieces:
        expect(view.locator(f'.cluster .byte:is([data-i="{i}"], [data-of="{i}"])')).not_to_have_count(0)
    expect(view.locator('bdi[dir="rtl"]').first).to_be_visible()
    token(view, pieces[0]).hover()
    expect(page.get_by_test_id("explain")).not_to_contain_text("\ufffd")


LONG: dict[str, Messages] = {
    "500 messages": [{"role": role, "content": f"message {n}"} for n in range(250) for role in ("user", "assistant")],
    "a megabyte": [{"role": "user", "content": "你好 hello 123\n" * 60_000}, {"role": "assistant", "content": "ok"}],
    "only a user": [{"role": "user", "content": "hi"}],
    "only a system": [{"role": "system", "content": "hi"}],
    "empty contents": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
}


@pytest.mark.parametrize("name", LONG)
def test_long_and_odd_conversations(page: Page, address: str, name: str) -> None:
    view = open_messages(page, address, LONG[name], max_length=1_000_000)
    sample = glm4viz.label(LONG[name])
    view.locator(".flow").focus()
    page.keyboard.press("Control+End")
    expect_at(page, len(sample) - 1)
    expect(token(view, len(sample) - 1)).to_be_in_viewport()
    drawn = states(view)
    assert len(drawn) < 20_000, "only what is in view is drawn"
    assert drawn == {i: bool(sample.trained[i]) for i in drawn}
    assert len(sample) - 1 in drawn
    expect(page.get_by_test_id("stException")).to_have_count(0)


# Files ---------------------------------------------------------------------------------------------------------------------------


def test_a_file_of_many_records_has_a_picker(page: Page, address: str) -> None:
    rows = [[{"role": "user", "content": f"question {n} " + "word " * n}, {"role": "assistant", "content": "yes"}] for n in range(12)]
    lines = [json.dumps({"messages": row}) for row in rows]
    lines.insert(3, '{"messages": [{"role": "user"}]}')
    page.goto(f"{address}?language=en&source=upload")
    upload(page, "rows.jsonl", "\n".join(lines).encode())
    view = page.get_by_test_id("token-view")
    expect(view).to_have_attribute("data-tokens", str(len(glm4viz.label(rows[0]))))
    expect(page.get_by_role("alert").filter(has_text="rows.jsonl").first).to_be_visible()
    picker = page.locator(".st-key-record input")
    for n in (7, 11):
        picker.click()
        picker.fill(f"question {n} ")
        page.get_by_role("option", name=re.compile(rf"question {n}\b")).click()
        expect(view).to_have_attribute("data-tokens", str(len(glm4viz.label(rows[n]))))
        expect(page).to_have_url(re.compile(rf"record={n}\b"))


def test_a_binary_file_gets_a_sentence(page: Page, address: str) -> None:
    page.goto(f"{address}?language=en&source=upload")
    upload(page, "picture.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 20)
    expect(page.get_by_role("alert").filter(has_text=re.compile(r"\w+ \w+ \w+")).first).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("token-view")).to_have_count(0)


def test_thirty_malformed_files_get_a_sentence_each(page: Page, address: str) -> None:
    cases = list(malformed(seed=3, rounds=1))
    page.goto(f"{address}?language=en&source=upload")
    for number, (name, data, good) in enumerate(islice(cases, 0, None, len(cases) // 30)):
        upload(page, f"case-{number}.jsonl", data.encode() if isinstance(data, str) else data)
        alert = page.get_by_role("alert").filter(has_text=f"case-{number}").first
        expect(alert, name).to_be_visible()
        expect(alert, name).to_have_text(re.compile(r"(\w+\W+){5}\w"), use_inner_text=True)
        expect(page.locator(".st-key-record"), name).to_have_count(1 if good > 1 else 0)
        expect(page.locator(".st-key-recipe"), name).to_have_count(1)
        if good > 1:
            expect(page.locator(".st-key-record"), name).to_contain_text(str(good))
        expect(page.locator("body"), name).not_to_contain_text("Traceback")
        expect(page.get_by_test_id("stException"), name).to_have_count(0)


# Links, themes, widths -----------------------------------------------------------------------------------------------------------


def test_a_link_shows_the_same_in_a_fresh_profile(new_page: NewPage, address: str) -> None:
    query = "?language=zh&sample=05-tool-call-zh.json&recipe=glm4-combine%40dfe4601&max_length=77&source=sample"
    sample = glm4viz.label(sample_messages("05-tool-call-zh.json"), "glm4-combine@dfe4601", max_length=77)
    said: list[str] = []
    for locale, scheme in (("zh-CN", "light"), ("fr-FR", "dark")):
        page = new_page(locale=locale, color_scheme=scheme)
        view = open_app(page, address, query)
        expect(view).to_have_attribute("lang", "zh")
        expect(view).to_have_attribute("data-tokens", str(len(sample)))
        assert all_states(view) == dict(enumerate(sample.trained.tolist()))
        words = page.locator(".st-key-verdict")
        said = said or [words.inner_text()]  # complete: it is drawn before the tokens
        expect(words).to_have_text(said, use_inner_text=True)


@pytest.mark.parametrize("width", [1600, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(new_page: NewPage, address: str, scheme: str, width: int) -> None:
    page = new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    view = open_app(page, address, "?language=en&sample=07-emoji-and-code.json")
    expect(view).to_have_class(re.compile(r"\bdark\b") if scheme == "dark" else re.compile(r"^(?!.*\bdark\b)"))
    expect(page.locator(".st-key-loss_share .main-svg").first).to_be_visible()
    view.get_by_test_id("toggle-ids").click()
    view.get_by_test_id("toggle-space").click()
    view.get_by_test_id("search").fill("the")
    token(view, 5).hover()
    expect_at(page, 5)
    expect(view.get_by_test_id("found")).not_to_be_empty()
    expect_accessible(page)
