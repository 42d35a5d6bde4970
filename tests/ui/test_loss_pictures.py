"""The Loss page's pictures: where the loss comes from, the loss along the answers, two models, and the stop experiment."""

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.figures.base import digits
from glm4viz.locales import LANGUAGES, texts
from glm4viz.loss import load_model, loss_difference, token_losses
from glm4viz.ui.loss.against import others
from glm4viz.ui.loss.models import Choice
from tests.readers.forms import read_one
from tests.ui.test_loss_page import ROOT, SAMPLE, loss_page, settled

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FOREIGN = [
    {"role": "user", "content": "My cat has stopped eating dry food. What should I try first?"},
    {"role": "assistant", "content": "Try warming a small bowl of wet food, and offer it in a quiet room."},
    {"role": "user", "content": "She drinks a lot of water too. Does that matter?"},
    {"role": "assistant", "content": "Yes. Drinking much more than usual can be a sign of kidney trouble."},
]


def pasted(messages: list[dict[str, str]], language: str = "en") -> AppTest:
    at = loss_page(language)
    at.segmented_control(key="source").set_value("paste").run()
    at.text_area(key="paste").set_value(json.dumps(messages)).run()
    assert not at.exception
    return at


def figure(at: AppTest, key: str) -> list[dict[str, Any]]:
    """The traces of the Plotly figure with this key."""
    [found] = [chart for chart in at.get("plotly_chart") if chart.proto.id.endswith(f"-{key}")]
    traces: list[dict[str, Any]] = json.loads(found.proto.spec)["data"]
    return traces


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_strangers_two_turns_give_pictures_at_once(language: str) -> None:
    at = pasted(FOREIGN, language)
    said = texts(language)
    at.segmented_control(key="loss_share_by").set_value("message").run()  # a browser's first value; see `settled`
    bars = figure(at, "loss_shares")
    assert [bar["name"] for bar in bars] == [said["loss.share.loss"], said["loss.share.tokens"]]
    assert len(bars[0]["y"]) == 2
    names = {trace.get("name") for trace in figure(at, "loss_along")}
    assert {"[1]", "[3]", said["loss.along.mean"]} <= names
    assert any(said["loss.worth"].partition("{")[0] in element.value for element in at.markdown)


@pytest.mark.parametrize("language", LANGUAGES)
def test_masked_roles_are_shown_when_asked(language: str) -> None:
    at, said = pasted(FOREIGN, language), texts(language)
    at.segmented_control(key="loss_share_by").set_value("role").run()
    assert not at.exception
    assert not [chart for chart in at.get("plotly_chart") if chart.proto.id.endswith("-loss_shares")]  # one role has all of the loss
    assert any(said["role.assistant"] in info.value for info in at.info)
    at.toggle(key="loss_share_masked").set_value(True).run()
    assert not at.exception
    trained, masked, tokens = figure(at, "loss_shares")
    assert trained["y"] == [said["role.assistant"]]
    assert f"{said['role.user']}<br>{said['loss.share.untrained']}" in masked["y"]
    assert masked["marker"]["pattern"]["shape"]
    assert len(tokens["y"]) == len(trained["y"]) + len(masked["y"])
    at.segmented_control(key="loss_share_by").set_value("part").run()
    assert said["loss.share.end"] in figure(at, "loss_shares")[0]["y"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_twin_is_compared_at_once(language: str) -> None:
    at = loss_page(language)
    at.session_state["loss_against"] = True
    at.run()
    assert not at.exception
    assert at.selectbox(key="loss_other").value == "demo-no-stop"
    sample = glm4viz.label(read_one(ROOT / "sample_data" / SAMPLE[language]))
    twin, demo = (token_losses(load_model(name), sample) for name in ("demo-no-stop", "demo"))
    difference = loss_difference(sample, twin, demo)
    markdown = " ".join(element.value for element in at.markdown).replace("\\", "")
    assert all(text[language] in markdown for text in difference.about_stopping("demo-no-stop", "demo"))
    assert len(figure(at, "loss_against_stops")) == 2
    changes = {name: text for bars in figure(at, "loss_against_groups") for name, text in zip(bars["y"], bars["text"], strict=True)}
    for group in difference.roles:
        name = texts(language)[f"role.{group.name}"] + ("" if group.trained else f"<br>{texts(language)['loss.share.untrained']}")
        assert changes[name] == f"{digits(group.base)} → {digits(group.tuned)}"
    assert figure(at, "loss_against_heatmap")


def test_a_model_that_can_not_be_loaded_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM4VIZ_MODELS", "/nowhere/glm-4")
    at = loss_page()
    at.session_state["loss_against"] = True
    at.run()
    at.selectbox(key="loss_other").set_value("/nowhere/glm-4").run()
    assert not at.error
    at.button(key="loss_against_run").click().run()
    assert not at.exception
    assert at.error
    assert at.metric[0].value  # the rest of the page stands


def test_an_adapter_is_compared_with_its_base_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM4VIZ_MODELS", "dir/a+lora, dir/b")
    assert list(others(Choice("dir/a", "lora"))) == ["dir/a", "dir/b", "demo", "demo-no-stop"]
    assert next(iter(others(Choice("demo")))) == "demo-no-stop"
    assert Choice("some/dir/a/", "x/lora").short == "a + lora"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_experiment_does_not_take_chance_for_knowledge(language: str) -> None:
    at, said = pasted(FOREIGN, language), texts(language)
    at.session_state["experiment"] = True
    at.run()
    assert not at.exception
    assert any(said["experiment.instead"] in info.value for info in at.info)
    assert FOREIGN[0]["content"] not in [code.value for code in at.code]
    stopped, ran_on = (said[f"experiment.{end}"].partition("{")[0] for end in ("stopped", "ran_on"))
    assert any(stopped in element.value for element in at.success)
    assert any(ran_on in element.value for element in at.warning)


def test_the_experiment_asks_what_the_model_knows() -> None:
    at = settled(loss_page())
    at.session_state["experiment"] = True
    at.run()
    assert not at.exception
    asked = read_one(ROOT / "sample_data" / SAMPLE["en"]).messages[1]
    assert asked["content"] in [code.value for code in at.code]
    assert texts("en")["experiment.instead"] not in " ".join(info.value for info in at.info)
