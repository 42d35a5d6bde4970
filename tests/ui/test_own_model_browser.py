"""One's own model in a real browser: a computation is cancelled, and a second visitor sees the place in the queue."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import running_app
from tests.conftest import NewPage
from tests.loss.models import ROWS, save_layout

pytestmark = pytest.mark.slow  # a model is loaded


@pytest.fixture(scope="module")
def own_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = save_layout(tmp_path_factory.mktemp("own"), "glm4", ROWS)
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("GLM4VIZ_MODELS", str(directory))
        with running_app() as address:
            yield address


def _ask(page: Page, address: str, directory: str) -> None:
    """A conversation of some ten thousand tokens, and the button."""
    page.goto(f"{address}loss?language=en&source=paste&max_length=200000")
    box = page.get_by_role("textbox", name="Conversation as JSON or JSONL")
    words = "one two three four " * 15_000  # minutes on a busy machine, many seconds on any
    box.fill(f'[{{"role": "user", "content": "你好"}}, {{"role": "assistant", "content": "{words}"}}]')
    box.press("Control+Enter")
    page.locator(".st-key-loss_model").get_by_role("combobox").click()
    page.get_by_role("option", name=re.compile(directory)).click()
    expect(page.get_by_text(re.compile("are free"))).to_be_visible()
    page.get_by_role("button", name="Compute the losses").click()


def test_cancel_ends_the_computation_and_frees_the_model(new_page: NewPage, own_app: str) -> None:
    first, second = new_page(), new_page()
    _ask(first, own_app, "own")
    expect(first.get_by_text(re.compile(r"reads the conversation … \d+%"))).to_be_visible()
    _ask(second, own_app, "own")
    expect(second.get_by_text("Another computation is running; 1 ahead of you.")).to_be_visible()
    first.get_by_role("button", name="Cancel").click()
    expect(first.get_by_text("Cancelled. Press the button to start again.")).to_be_visible()
    expect(second.get_by_text(re.compile(r"reads the conversation … \d+%"))).to_be_visible()  # it is the second's turn
    second.get_by_role("button", name="Cancel").click()
    expect(second.get_by_text("Cancelled. Press the button to start again.")).to_be_visible()
    expect(second.get_by_text(re.compile("is in memory"))).to_be_visible()  # loaded, and free for the next


def test_how_to_offer_a_model_opens_beside_the_box(new_page: NewPage, own_app: str) -> None:
    page = new_page()
    page.goto(f"{own_app}loss?language=en")
    page.get_by_role("button", name="Use my own model").click()
    expect(page.get_by_text("GLM4VIZ_MODELS=", exact=False).first).to_be_visible()
    expect(page.get_by_text("GLM4VIZ_SERVERS=", exact=False).first).to_be_visible()
