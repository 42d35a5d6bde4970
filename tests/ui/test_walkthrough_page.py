"""The Walkthrough page without a browser."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.locales import LANGUAGES, texts
from glm4viz.walkthrough.steps import walk
from glm4viz.walkthrough.ways import WAYS
from tests.walkthrough import ROOT, TWO_TURNS


def opened(language: str = "en", sample: str = "15-two-turns-en.json", **state: object) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.query_params["language"] = language
    at.run().switch_page("pages/walkthrough.py").run()
    at.selectbox(key="sample").set_value(sample).run()
    for name, value in state.items():
        at.session_state[name] = value
    at.run()
    assert not at.exception
    return at


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("recipe", WAYS)
def test_every_step_is_shown_in_both_languages(recipe: str, language: str) -> None:
    at = opened(language, recipe=recipe)
    count = len(walk(TWO_TURNS, recipe))
    said = texts(language)
    for step in range(1, count + 1):
        assert at.selectbox(key="step").value == step
        assert not at.error
        if step < count:
            at.button(key="walk_next_top").click().run()
        assert not at.exception
    assert at.button(key="walk_next_top").disabled
    assert said["walk.answer"] in [info.value for info in at.info]


def test_the_mean_on_the_page_is_the_model_s() -> None:
    from glm4viz.loss import load_model, token_losses

    step = 1 + next(k for k, step in enumerate(walk(TWO_TURNS)) if step.kind == "mean")
    at = opened(step=step)
    losses = token_losses(load_model("demo", device="cpu"), glm4viz.label(TWO_TURNS), top_k=0).label_nll
    assert [metric.value for metric in at.metric] == [
        f"{np.nansum(losses):.3f}",
        f"{np.isfinite(losses).sum()}",
        f"{np.nanmean(losses):.3f}",
    ]


def test_the_app_s_own_code_is_one_click_away() -> None:
    at = opened(recipe="xtuner", step=2)
    assert not any("RECIPES = (" in code.value for code in at.code)
    at.button(key="walk_own_code").click().run()
    assert not at.exception
    shown = [code.value for code in at.code]
    assert any("RECIPES = (" in code and "openai_map_fn" in code for code in shown)
    assert any("def encode(" in code for code in shown)


def test_a_recipe_that_has_no_walk_is_left_as_it_is() -> None:
    at = opened(recipe="trl")
    assert at.selectbox(key="walk_way").value == "glm4"
    assert at.session_state["recipe"] == "trl"
    at.selectbox(key="walk_way").set_value("chatglm3").run()
    assert at.session_state["recipe"] == "chatglm3"


def test_a_refused_conversation_gets_a_sentence() -> None:
    at = opened(recipe="xtuner", sample="05-tool-call-zh.json")
    assert "NotImplementedError" in at.error[0].value
    at.selectbox(key="walk_way").set_value("glm4").run()
    assert not at.error
