"""The Inspect page in a real Chromium: what a reader sees and does, compared with what the library says."""

import json
import re
from itertools import islice
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

import glm4viz
from glm4viz.reading.reasons import ORDER, REASONS, reasons
from glm4viz.ui.samples import sample_bytes
from glm4viz.ui.web.token_view.texts import TEXTS
from tests.conftest import NewPage
from tests.malformed import malformed

# All in one worker: one server and one browser serve every test here.
pytestmark = pytest.mark.xdist_group("browser")

Messages = list[dict[str, Any]]
# The script's runs are counted, so that a test can wait for the one that it caused.
COUNT_RUNS = """
window.runs = 0;
new MutationObserver((changes) => {
  for (const { target } of changes) if (target.dataset?.testScriptState === "notRunning") window.runs++;
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-test-script-state"] });
"""
IDLE = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"


@pytest.fixture
def new_page(new_page: NewPage) -> NewPage:
    def make(**options: Any) -> Page:
        page = new_page(**options)
        page.add_init_script(COUNT_RUNS)
        page.set_default_timeout(30_000)
        return page

    return make


def open_app(page: Page, address: str, query: str = "?language=en") -> Locator:
    page.goto(address + query)
    view = page.get_by_test_id("token-view")
    expect(view).to_be_visible(timeout=30_000)
    page.wait_for_function(IDLE)
    return view


def open_messages(page: Page, address: str, messages: Messages, *, max_length: int = 100_000, query: str = "") -> Locator:
    """The page with these messages uploaded as a file."""
    page.goto(f"{address}?language=en&source=upload&max_length={max_length}{query}")
    upload(page, "messages.json", json.dumps({"messages": messages}, ensure_ascii=False).encode())
    view = page.get_by_test_id("token-view")
    expect(view).to_have_attribute("data-tokens", str(len(glm4viz.label(messages, max_length=max_length))), timeout=30_000)
    return view


def upload(page: Page, name: str, data: bytes) -> None:
    box = page.locator(".st-key-upload input[type=file]")
    box.wait_for(state="attached")
    page.wait_for_function(IDLE)
    for last in (False, False, True):
        before = page.evaluate("runs")
        box.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": data})
        try:
            page.wait_for_function(f"before => runs > before && {IDLE}", arg=before, timeout=10_000)
        except PlaywrightTimeout:
            # An uploader that is just being drawn anew loses the file that a script, unlike a person, hands it at that moment.
            if last:
                raise
        else:
            return


def sample_messages(name: str) -> Messages:
    found: Messages = json.loads(sample_bytes(name))["messages"]
    return found


def states(view: Locator) -> dict[int, bool]:
    """Every token on screen, and whether it is drawn as trained."""
    drawn = view.locator(".tok").evaluate_all(
        "all => all.map(e => [+e.dataset.i, e.classList.contains('trained'), e.classList.contains('masked')])"
    )
    assert all(trained != masked for _, trained, masked in drawn)
    return {i: trained for i, trained, _ in drawn}


def all_states(page: Page, view: Locator) -> dict[int, bool]:
    """Those of all tokens; only what is near the visible part is drawn."""
    found = states(view)
    flow = view.locator(".flow")
    flow.evaluate("e => e.scrollTop = 0")
    for _ in range(100):
        found |= states(view)
        if flow.evaluate("e => { const before = e.scrollTop; e.scrollTop += e.clientHeight; return e.scrollTop === before; }"):
            break
        page.wait_for_timeout(60)
    return found


def explained(page: Page) -> dict[str, str]:
    """The panel's rows."""
    panel = page.get_by_test_id("explain")
    return dict(zip(panel.locator("dt").all_inner_texts(), panel.locator("dd").all_inner_texts(), strict=True))


def token(view: Locator, i: int) -> Locator:
    return view.locator(f'.tok[data-i="{i}"]')


def expect_at(page: Page, i: int) -> None:
    expect(page.get_by_test_id("explain")).to_have_attribute("data-token", str(i))


# The labels ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["01-one-turn-zh.json", "06-thought-then-call-en.json", "07-emoji-and-code.json"])
def test_every_token_is_drawn_as_the_library_labels_it(page: Page, address: str, name: str) -> None:
    for recipe in ("glm4", "glm4-combine@dfe4601", "chatglm3"):
        sample = glm4viz.label(sample_messages(name), recipe, max_length=1025)
        view = open_app(page, address, f"?language=en&sample={name}&recipe={recipe}&max_length=1025")
        expect(view).to_have_attribute("data-tokens", str(len(sample)))
        assert all_states(page, view) == dict(enumerate(sample.trained.tolist())), recipe


def test_shifted_labels_mark_the_position_that_predicts(page: Page, address: str) -> None:
    view = open_app(page, address, "?language=en&sample=04-system-multi-turn-en.json")
    targets = glm4viz.label(sample_messages("04-system-multi-turn-en.json")).targets
    toggle = view.get_by_test_id("toggle-shift")
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    assert all_states(page, view) == dict(enumerate((targets != glm4viz.IGNORE).tolist()))


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
    last = page.locator(".st-key-verdict [class*=st-key-turn_] button:visible").last
    for _ in range(2):
        before = page.evaluate("runs")
        last.click()
        page.wait_for_function(f"before => runs > before && {IDLE}", arg=before)
        stop = int(page.get_by_test_id("explain").get_attribute("data-token") or -1)
        assert sample.owner[stop] >= 0
        assert sample.parts[stop] in ("role_tag", "stop")
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

    def now() -> int:
        return int(page.get_by_test_id("explain").get_attribute("data-token") or -1)

    press("Control+Home")
    expect_at(page, 0)
    for _ in range(4):
        press("ArrowRight")
    expect_at(page, 4)
    expect(flow).to_have_attribute("aria-activedescendant", "token-4")
    press("ArrowLeft")
    expect_at(page, 3)
    press("Control+End")
    expect_at(page, len(sample) - 1)
    expect(token(view, len(sample) - 1)).to_be_in_viewport()
    press("Control+Home")
    press("ArrowDown")
    below = now()
    assert below > 0
    press("End")
    end = now()
    press("Home")
    assert below >= now() > 0
    assert end >= below
    press("ArrowUp")
    assert now() < below
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
    press("p")  # max_length cuts this sample, and its last token says so
    seen = [now()]
    while len(seen) < 50 and seen.count(seen[0]) == 1:
        press("p")
        seen.append(now())
    assert len(sample) - 1 in seen


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
    matched = view.locator(".tok.match").evaluate_all("all => all.map(e => +e.dataset.i)")
    assert b"believable wor" in b"".join(sample.token_bytes[i] for i in matched[: len(matched) // 2])
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
    ids = view.locator(".tok").evaluate_all("all => all.map(e => +e.dataset.id)")
    assert ids == sample.input_ids.tolist()
    view.get_by_test_id("toggle-space").click()
    expect(view.locator('.mark[data-sign="→"]')).to_have_count(1)
    expect(view.locator('.mark[data-sign="⟨U+200B⟩"]')).to_have_count(1)
    expect(view.locator(".spaces").first).to_be_visible()
    for entry, keep in (("state:trained", sample.trained), ("state:masked", ~sample.trained), ("role:user", sample.roles == "user")):
        button = view.locator(f'[data-entry="{entry}"]')
        expect(button.locator(".count")).to_have_text(re.compile(rf"(^|/){int(keep.sum())}$"))
        button.click()
        lit = view.locator(".tok:not(.dim)").evaluate_all("all => all.map(e => +e.dataset.i)")
        assert lit == np.flatnonzero(keep).tolist()
        view.locator(f'[data-entry="{entry}"]').click()
        expect(view.locator(".tok.dim")).to_have_count(0)


# Texts of every kind -------------------------------------------------------------------------------------------------------------


def test_every_text_is_shown_as_it_is(page: Page, address: str) -> None:
    family, rare = "👩‍🔬🏳️‍🌈🦙", "𠮷㐂龘"
    messages = [
        {"role": "user", "content": f"<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'> {family}"},
        {"role": "assistant", "content": f"{rare} שלום עולם and مرحبا بالعالم <|user|>"},
    ]
    view = open_messages(page, address, messages)
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
    sample = glm4viz.label(messages)
    pieces = [i for i, b in enumerate(sample.token_bytes) if b.decode("utf-8", "replace").find("\ufffd") >= 0]
    assert pieces, "these characters take more than one token each"
    for i in pieces:
        assert view.locator(f'.cluster .byte:is([data-i="{i}"], [data-of="{i}"])').count() >= 1
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
    assert view.locator(".tok").count() < 20_000, "only what is in view is drawn"
    view.locator(".flow").focus()
    page.keyboard.press("Control+End")
    expect_at(page, len(sample) - 1)
    expect(token(view, len(sample) - 1)).to_be_in_viewport()
    drawn = states(view)
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
        page.get_by_role("option").first.click()
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
        expect(page.get_by_test_id("stException"), name).to_have_count(0)
        alert = page.get_by_role("alert").filter(has_text=f"case-{number}").first
        expect(alert, name).to_be_visible()
        assert len(re.findall(r"\w+", alert.inner_text())) > 5, name
        assert "Traceback" not in page.locator("body").inner_text(), name
        expect(page.locator(".st-key-record"), name).to_have_count(1 if good > 1 else 0)
        expect(page.locator(".st-key-recipe"), name).to_have_count(1)
        if good > 1:
            expect(page.locator(".st-key-record"), name).to_contain_text(str(good))


# Links, themes, widths -----------------------------------------------------------------------------------------------------------


def test_a_link_shows_the_same_in_a_fresh_profile(new_page: NewPage, address: str) -> None:
    query = "?language=zh&sample=05-tool-call-zh.json&recipe=glm4-combine%40dfe4601&max_length=77&source=sample"
    seen = []
    for locale, scheme in (("zh-CN", "light"), ("fr-FR", "dark")):
        page = new_page(locale=locale, color_scheme=scheme)
        view = open_app(page, address, query)
        expect(view).to_have_attribute("lang", "zh")
        seen.append((view.get_attribute("data-tokens"), all_states(page, view), page.locator(".st-key-verdict").inner_text()))
    assert seen[0] == seen[1]
    sample = glm4viz.label(sample_messages("05-tool-call-zh.json"), "glm4-combine@dfe4601", max_length=77)
    assert seen[0][1] == dict(enumerate(sample.trained.tolist()))


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
    page.wait_for_timeout(300)
    serious = [
        (found["id"], node["html"][:200], node["failureSummary"][:300])
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out sideways"
