"""The Inspect page in a real browser, as a reader handles it: open it, hand it a file, look at the tokens.

What is waited for is what the reader sees. The script's state, which flips faster than a busy machine can look, says nothing.
"""

import json
import re
import time
from collections.abc import Iterable
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

import glm4viz
from glm4viz.ui.samples import sample_bytes
from tests.browser import PATIENCE

Messages = list[dict[str, Any]]


def open_app(page: Page, address: str, query: str = "?language=en") -> Locator:
    """The token view of the page at this address."""
    page.goto(address + query)
    view = page.get_by_test_id("token-view")
    expect(view).to_be_visible()
    return view


def open_messages(page: Page, address: str, messages: Messages, *, max_length: int = 100_000, query: str = "") -> Locator:
    """The token view of these messages, uploaded as a file; every token that is near the visible part is drawn."""
    page.goto(f"{address}?language=en&source=upload&max_length={max_length}{query}")
    upload(page, "messages.json", json.dumps({"messages": messages}, ensure_ascii=False).encode())
    view = page.get_by_test_id("token-view")
    expect(view).to_have_attribute("data-tokens", str(len(glm4viz.label(messages, max_length=max_length))))
    expect(token(view, 0)).to_be_visible()
    return view


def upload(page: Page, name: str, data: bytes) -> None:
    """Hands the uploader a file until it shows the file's name.

    An uploader that is just being drawn anew loses the file that a script, unlike a person, gives it at that moment.
    """
    box = page.locator(".st-key-upload")
    box.locator("input[type=file]").wait_for(state="attached")
    for patience in (5_000, 10_000, PATIENCE):
        box.locator("input[type=file]").set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": data})
        try:
            expect(box).to_contain_text(name, timeout=patience)
        except AssertionError:
            if patience == PATIENCE:
                raise
        else:
            return


def sample_messages(name: str) -> Messages:
    found: Messages = json.loads(sample_bytes(name))["messages"]
    return found


def token(view: Locator, i: int) -> Locator:
    return view.locator(f'.tok[data-i="{i}"]')


def indexes(tokens: Locator, count: int) -> list[int]:
    """Which tokens these are, once there are as many as there should be."""
    expect(tokens).to_have_count(count)
    found: list[int] = tokens.evaluate_all("all => all.map(e => +e.dataset.i)")
    return found


def expect_at(page: Page, i: int) -> None:
    expect(page.get_by_test_id("explain")).to_have_attribute("data-token", str(i))


def expect_among(page: Page, tokens: Iterable[int]) -> int:
    """The token that is explained, once it is one of these."""
    panel = page.get_by_test_id("explain")
    expect(panel).to_have_attribute("data-token", re.compile(f"^({'|'.join(map(str, tokens))})$"))
    return int(panel.get_attribute("data-token") or -1)


def states(view: Locator) -> dict[int, bool]:
    """Every token on screen, and whether it is drawn as trained."""
    drawn = view.locator(".tok").evaluate_all(
        "all => all.map(e => [+e.dataset.i, e.classList.contains('trained'), e.classList.contains('masked')])"
    )
    assert all(trained != masked for _, trained, masked in drawn)
    return {i: trained for i, trained, _ in drawn}


def all_states(view: Locator) -> dict[int, bool]:
    """Those of all tokens. Only what is near the visible part is drawn, so this scrolls until it has seen every one."""
    flow, found = view.locator(".flow"), states(view)
    count, end = int(view.get_attribute("data-tokens") or 0), time.monotonic() + PATIENCE / 1000
    flow.evaluate("e => e.scrollTop = 0")
    while len(found) < count and time.monotonic() < end:
        found |= states(view)
        flow.evaluate(
            "e => { const before = e.scrollTop; e.scrollTop += e.clientHeight / 2; if (e.scrollTop === before) e.scrollTop = 0; }"
        )
    return dict(sorted(found.items()))


def explained(page: Page) -> dict[str, str]:
    """The panel's rows."""
    panel = page.get_by_test_id("explain")
    return dict(zip(panel.locator("dt").all_inner_texts(), panel.locator("dd").all_inner_texts(), strict=True))


def expect_accessible(page: Page) -> None:
    """Axe finds nothing serious on the page as it stands, and nothing makes it wider than the window."""
    page.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")  # half-faded text has no contrast
    serious = [
        (found["id"], node["html"][:200], node["failureSummary"][:300])
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out sideways"
