"""One's own model in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

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


def test_how_to_offer_a_model_opens_beside_the_box(new_page: NewPage, own_app: str) -> None:
    page = new_page()
    page.goto(f"{own_app}loss?language=en")
    page.get_by_role("button", name="Use my own model").click()
    expect(page.get_by_text("GLM4VIZ_MODELS=", exact=False).first).to_be_visible()
    expect(page.get_by_text("GLM4VIZ_SERVERS=", exact=False).first).to_be_visible()
