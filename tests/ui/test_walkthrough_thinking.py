"""The Walkthrough's second act without a browser."""

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from glm4viz.locales import LANGUAGES, texts
from glm4viz.ui.i18n import plain
from glm4viz.walkthrough.thinking import SHORT, second_act
from tests.ui.test_app import said
from tests.walkthrough import ROOT


def opened(language: str, **address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.query_params.update({"language": language, **address})
    at.run().switch_page("pages/walkthrough.py").run()
    assert not at.exception
    return at


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_opens_by_a_switch_and_stands_in_the_address(language: str) -> None:
    at = opened(language)
    moral = texts(language)["walk.think.moral"]
    assert moral not in said(at)
    at.toggle(key="walk_thinking").set_value(True).run()
    assert not at.exception
    assert moral in said(at)
    assert at.session_state["act"] == "2"
    at.toggle(key="walk_thinking").set_value(False).run()
    assert not at.exception
    assert moral not in said(at)
    assert at.session_state["act"] is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_address_opens_it_and_it_says_what_parity_says(language: str) -> None:
    at = opened(language, act="2")
    assert at.toggle(key="walk_thinking").value
    assert texts(language)["walk.think.short"] in said(at)
    act = second_act(None, language)
    left = act.steps[3].rows[1].leaves
    assert left
    assert texts(language)["walk.think.price"] in at.warning[0].value
    assert any(plain(left.said[language]) in warning.value for warning in at.warning)
    assert texts(language)["walk.think.same"].format(answers=2) in at.warning[0].value


def test_a_reader_s_own_thought_is_the_one_that_vanishes() -> None:
    messages: list[Any] = [{"role": "system", "content": "Count."}, *SHORT["en"][:1]]
    messages += [{"role": "assistant", "content": "51.", "reasoning_content": "I know this one."}, *SHORT["en"][2:]]
    at = opened("en", act="2")
    at.segmented_control(key="source").set_value("paste").run()
    at.text_area(key="paste").set_value(json.dumps({"messages": messages})).run()
    assert not at.exception
    assert texts("en")["walk.think.short"] not in said(at)
    assert any("I know this one." in code.value for code in at.code)
    assert f"**{second_act(messages).vanished} tokens**" in said(at)
