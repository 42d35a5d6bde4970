"""The Loss page: a result at once, one computation at a time, and only the models that the owner allows."""

import threading
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.locales import LANGUAGES, texts
from glm4viz.ui.i18n import plain
from glm4viz.ui.loss.models import Choice, Turnstile, choices
from tests.readers.forms import read_one
from tests.served import serving

ROOT = Path(__file__).parents[2]
SAMPLE = {"zh": "03-multi-turn-zh.json", "en": "04-system-multi-turn-en.json"}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def loss_page(language: str = "en") -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.query_params["language"] = language
    at.run()
    at.switch_page("pages/loss.py").run()
    return settled(at, language)


def settled(at: AppTest, language: str = "en") -> AppTest:
    """After a change of page AppTest, unlike a browser, sends every widget's first value: set those that matter."""
    at.selectbox(key="sample").set_value(SAMPLE[language])
    at.number_input(key="max_length").set_value(1025)
    at.run()
    assert not at.exception
    return at


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_demo_model_s_losses_stand_there_before_any_click(language: str) -> None:
    at = loss_page(language)
    assert at.metric[0].label == texts(language)["loss.training"]
    sample = glm4viz.label(read_one(ROOT / "sample_data" / SAMPLE[language]))
    from glm4viz.loss import training_loss

    loss = training_loss(glm4viz.token_losses(glm4viz.load_model("demo"), sample))
    assert at.metric[0].value == f"{loss:.3f}"
    assert any(texts(language)["loss.demo"] == caption.value for caption in at.caption)


def test_the_experiment_shows_one_that_stops_and_one_that_does_not() -> None:
    at = loss_page()
    at.session_state["experiment"] = True
    at.run()
    assert not at.exception
    assert any("Stopped with" in element.value for element in at.success)
    assert any("Ran on" in element.value for element in at.warning)


def test_a_recipe_of_another_vocabulary_is_said_to_be_one() -> None:
    at = loss_page()
    at.selectbox(key="recipe").set_value("torchtune").run()
    assert not at.exception
    assert at.error


def test_a_model_that_is_not_there_gives_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM4VIZ_MODELS", "/nowhere/glm-4")
    at = loss_page()
    at.selectbox(key="loss_model").set_value("/nowhere/glm-4").run()
    assert not at.metric
    at.button(key="loss_run").click().run()
    assert not at.exception
    assert at.error


def test_only_the_owner_s_models_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLM4VIZ_MODELS", raising=False)
    assert list(choices()) == ["demo", "demo-no-stop"]
    monkeypatch.setenv("GLM4VIZ_MODELS", "dir/a, dir/a+lora ,")
    assert list(choices().values())[2:] == [Choice("dir/a"), Choice("dir/a", "lora")]


def test_inspect_can_take_the_colours() -> None:
    at = loss_page()
    at.switch_page("pages/inspect.py").run()
    settled(at)
    at.toggle(key="view_loss").set_value(True).run()
    assert not at.exception


# One at a time --------------------------------------------------------------------------------------------------------


def test_computations_take_turns_in_order() -> None:
    gate = Turnstile()
    order: list[int] = []
    waited: list[int] = []
    inside = threading.Lock()

    def visit(number: int) -> None:
        with gate.turn(waited.append):
            assert inside.acquire(blocking=False), "two at once"
            time.sleep(0.05)
            order.append(number)
            inside.release()

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(3)]
    with gate.turn(waited.append):  # nobody passes before all have come
        for number, thread in enumerate(threads, 1):
            thread.start()
            while len(gate.queue) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join(60)
    assert order == [0, 1, 2]
    assert max(waited) == 3


def test_whoever_leaves_the_queue_frees_the_place() -> None:
    gate = Turnstile()

    def leave(_: int) -> None:
        raise KeyboardInterrupt

    with gate.turn(leave), pytest.raises(KeyboardInterrupt), gate.turn(leave):
        pass
    assert gate.queue == []


# Served models, and what a number is worth ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_served_model_is_asked_when_the_button_is_pressed(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from glm4viz.loss import load_model, token_losses, training_loss
    from glm4viz.loss.served.scoring import NO_ENTROPY, SOME_RANKS

    with serving("sglang", load_model("demo", device="cpu")) as server:
        monkeypatch.setenv("GLM4VIZ_SERVERS", f"{server.url}, {server.url}+tuned")
        at = loss_page(language)
        at.selectbox(key="loss_model").set_value(server.url).run()
        assert not server.asked
        assert not at.metric
        assert any(f"`{server.url}`" in caption.value for caption in at.caption)
        at.button(key="loss_run").click().run()
        assert not at.exception
        sample = glm4viz.label(read_one(ROOT / "sample_data" / SAMPLE[language]))
        assert at.metric[0].value == f"{training_loss(token_losses(load_model('demo'), sample)):.3f}"
        assert at.metric[3].value == "glm-demo"
        captions = [caption.value for caption in at.caption]
        assert {plain(note[language]) for note in (NO_ENTROPY, SOME_RANKS)} <= set(captions)
        server.fault = "500"
        at.button(key="loss_run").click().run()
        assert not at.exception
        assert "500" in at.error[0].value


def test_servers_are_offered_from_the_owner_s_list_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM4VIZ_MODELS", "http://stray:1")
    monkeypatch.setenv("GLM4VIZ_SERVERS", "http://a:8000, http://a:8000+lora, dir/a")
    assert list(choices().values())[2:] == [Choice("http://a:8000"), Choice("http://a:8000", "lora")]
    assert all(choice.on_server for choice in list(choices().values())[2:])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_fault_of_the_template_is_said(language: str) -> None:
    at = loss_page(language)
    at.selectbox(key="recipe").set_value("ms-swift-glm4.5").run()
    assert not at.exception
    said = {"en": ("template", "guessing"), "zh": ("模板", "猜测")}[language]
    assert any(any(word in warning.value for word in said) for warning in at.warning)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_scale_is_said(language: str) -> None:
    at = loss_page(language)
    ends = {"en": "end at", "zh": "都止于"}[language]
    assert any(ends in element.value for element in at.markdown)
