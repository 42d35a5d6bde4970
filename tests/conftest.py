"""What several tests share."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

import glm4viz
from tests.browser import PATIENCE, find_browser, running_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NewPage = Callable[..., "Page"]
LOCAL = ("http://127.0.0.1", "data:", "blob:")

# Examples are counted, not timed: a slow machine is no failure. CI tries the same ones each time.
settings.register_profile("glm4viz", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("glm4viz")

GOLDEN = Path(__file__).parent / "golden"
CONVERSATIONS: dict[str, list[dict[str, Any]]] = json.loads((GOLDEN / "conversations.json").read_text("utf-8"))
ROWS = [json.loads(line) for line in (GOLDEN / "rows.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="session")
def tok() -> glm4viz.Tokenizer:
    return glm4viz.load_tokenizer()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what `dev.py test --fast` leaves out. Tests in a browser go to one worker, where a server and a browser serve them all."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))
        elif "AppTest" in vars(getattr(item, "module", None) or object):  # each of these runs a whole page
            item.add_marker(pytest.mark.slow)


# In a browser ---------------------------------------------------------------------------------------------------------
# A module's tests share a server and a browser. They end with the module: Playwright keeps an event loop open that tests
# without a browser could not live beside.


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the app is, started as a user starts it."""
    find_browser()
    with running_app() as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    from playwright.sync_api import expect, sync_playwright

    path = find_browser()
    expect.set_options(timeout=PATIENCE)  # it doesn't follow the page's default
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser: "Browser") -> Iterator[NewPage]:
    """Pages of fresh profiles; at the end, none may have had a script error or asked for anything that isn't on this machine."""
    contexts, faults = [], []

    def make(**options: Any) -> "Page":
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 1000}, "locale": "en-GB", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(LOCAL) else faults.append(request.url))
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == [], "script errors, or requests that leave this machine"


@pytest.fixture
def page(new_page: NewPage) -> "Page":
    return new_page()
