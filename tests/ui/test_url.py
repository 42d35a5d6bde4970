"""The settings in the address: what may stand there, and when it counts."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from glm4viz.ui import url


@pytest.mark.parametrize("name", ["record", "edit", "step", "max_length", "batch_size"])
def test_a_number_has_nine_digits_at_most(name: str) -> None:
    parse = url.PARAMETERS[name]
    assert parse("12") == 12
    assert parse("999999999") == (32 if name == "batch_size" else 999_999_999)
    for text in ("1000000000", "9" * 5000, "-1", "1.5", "١", "²", ""):
        assert parse(text) == (1 if name == "batch_size" else None), text


def test_there_is_a_second_act_and_no_other() -> None:
    parse = url.PARAMETERS["act"]
    assert [parse(text) for text in ("2", "1", "3", "", "２")] == ["2", None, None, None, None]


# When it counts -------------------------------------------------------------------------------------------------------


def page() -> None:
    """A page with one setting and two buttons."""
    import streamlit as st

    from glm4viz.ui import url

    def go(step: int) -> None:
        st.session_state.step = step

    url.load()
    st.session_state.setdefault("step", 1)
    st.button("to step 2", key="second", on_click=go, args=(2,))
    st.button("nothing", key="nothing")
    with url.saving("page"):
        pass


def opened() -> AppTest:
    return AppTest.from_function(page).run()


def address(at: AppTest) -> dict[str, str]:
    """What the app last wrote. The browser of a test does not go there by itself."""
    return dict(at.session_state["url_seen"])


def back_to(at: AppTest, found: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """What the browser's back and forward buttons do. tests/ui/test_browser.py has them as they are."""
    at.query_params = {**found}
    with monkeypatch.context() as patched:
        patched.setattr(url, "_went_back", lambda: True)
        return at.run()


def test_an_address_is_taken_over() -> None:
    at = AppTest.from_function(page)
    at.query_params["step"] = "7"
    assert at.run().session_state["step"] == 7


def test_back_and_forward_bring_the_settings_of_their_address(monkeypatch: pytest.MonkeyPatch) -> None:
    at = AppTest.from_function(page).run()
    at.button(key="second").click().run()
    written = address(at)
    assert written["step"] == "2"
    for found, step in ((written, 2), ({"step": "1"}, 1), (written, 2), ({"step": "1"}, 1)):
        assert back_to(at, found, monkeypatch).session_state["step"] == step
    at.button(key="second").click().run()
    assert at.session_state["step"] == 2
    assert address(at) == written


@pytest.mark.parametrize("quick", ["second", "nothing"])
def test_whoever_is_quicker_than_the_address_undoes_nothing(quick: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at = AppTest.from_function(page)
    at.query_params["step"] = "1"
    at.run().button(key="second").click().run()
    for _ in range(2):
        at.query_params = {"step": "1"}  # as the browser still has it
        at.button(key=quick).click().run()
        assert at.session_state["step"] == 2
    assert back_to(at, {"step": "1"}, monkeypatch).session_state["step"] == 1


def test_a_run_that_a_click_ends_while_it_writes_leaves_that_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened()
    with monkeypatch.context() as patched:
        patched.setattr("streamlit.runtime.state.QueryParamsProxy.from_dict", lambda *_: st.stop())  # the browser hears of nothing
        at.button(key="second").click().run()
        assert address(at) == {}
    at.button(key="nothing").click().run()
    assert address(at) == {"step": "2"}


def test_a_click_that_ends_the_first_run_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(url, "save", lambda _: 1 / 0)  # any exception ends a run, and a click is one
        at = opened()
    at.button(key="second").click().run()
    assert address(at) == {"step": "2"}
