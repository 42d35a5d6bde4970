"""The reader's own model on the Loss page: how it gets there, what it takes, and how it is loaded."""

from pathlib import Path

import pytest
import streamlit
import torch
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.errors import ModelError
from glm4viz.locales import LANGUAGES, texts
from glm4viz.loss import memory
from glm4viz.ui.i18n import plain
from glm4viz.ui.loss import models
from glm4viz.ui.loss.models import Choice, Shelf
from tests.loss.models import ROWS, save_layout
from tests.readers.forms import read_one
from tests.ui.test_loss_page import ROOT, SAMPLE, loss_page

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_layout(tmp_path_factory.mktemp("own"), "glm4", ROWS)


def _chosen(own: Path, language: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("GLM4VIZ_MODELS", str(own))
    at = loss_page(language)
    at.selectbox(key="loss_model").set_value(str(own)).run()
    assert not at.exception
    return at


@pytest.mark.parametrize("language", LANGUAGES)
def test_how_to_offer_a_model_is_said_beside_the_box(language: str) -> None:
    at = loss_page(language)
    assert any(texts(language)["loss.own.help"] == element.value for element in at.markdown)
    assert {"GLM4VIZ_MODELS=", "GLM4VIZ_SERVERS="} <= {element.value.split("/")[0].split("http")[0] for element in at.code}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_it_takes_is_said_before_it_is_loaded(own: Path, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at = _chosen(own, language, monkeypatch)
    sample = glm4viz.label(read_one(ROOT / "sample_data" / SAMPLE[language]))
    said = next(element.value for element in at.info)
    assert all(plain(word) in said for word in (str(own), f"{len(sample):,}", "GiB", "F32"))
    assert not at.metric
    at.button(key="loss_run").click().run()
    assert not at.exception
    assert at.metric[3].value == own.name
    assert models.shelf().of == (Choice(str(own)), "auto")
    at.selectbox(key="loss_load_as").set_value("bfloat16").run()
    assert not at.metric  # other numbers are to come
    at.button(key="loss_run").click().run()
    assert "bfloat16" in at.metric[3].help
    at.button(key="loss_unload").click().run()
    assert models.shelf() == Shelf()


def test_no_room_is_said_beforehand_and_after_the_click(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from glm4viz.loss import loading

    for module in (memory, loading):
        monkeypatch.setattr(module, "free_memory", lambda _: 10 << 20)
    at = _chosen(own, "en", monkeypatch)
    assert "There isn't room" in at.warning[0].value
    at.button(key="loss_run").click().run()
    assert not at.exception
    assert "There isn't room" in at.error[0].value


def test_fewer_bits_are_offered_where_they_can_be_had(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from glm4viz.loss import quantized

    at = _chosen(own, "en", monkeypatch)
    assert at.selectbox(key="loss_load_as").options[1:] == ["float32", "bfloat16", "float16"] + (
        [] if (problem := quantized.cannot_quantize(torch.device("cpu"))) else ["8 bit (approximate)", "4 bit, NF4 (approximate)"]
    )
    assert problem is not None
    assert any(plain(problem["en"]) == caption.value for caption in at.caption)
    monkeypatch.setattr(quantized, "cannot_quantize", lambda _: None)
    assert _chosen(own, "en", monkeypatch).selectbox(key="loss_load_as").options[4:] == ["8 bit (approximate)", "4 bit, NF4 (approximate)"]


def test_approximate_numbers_say_so(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from glm4viz.loss import load_model

    at = _chosen(own, "en", monkeypatch)
    shelf = models.shelf()
    shelf.model, shelf.of = replace(load_model(own, "cpu"), quantized="gptq"), (Choice(str(own)), "auto")
    at.button(key="loss_run").click().run()
    assert not at.exception
    assert any("Approximate" in caption.value for caption in at.caption)
    models.unload()


def test_a_fault_is_said_before_any_click_and_kept_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken").mkdir()
    at = _chosen(tmp_path / "broken", "en", monkeypatch)
    assert plain("config.json is missing") in at.error[0].value


def test_one_large_model_at_a_time(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one goes before the new one comes, also if that fails."""
    models.load(Choice(str(own)), "auto", lambda _: None)
    seen: list[object] = []

    def load_model(*_: object, **__: object) -> None:
        seen.append(models.shelf().model)
        raise ModelError("no", "不")

    monkeypatch.setattr("glm4viz.loss.calls.load_model", load_model)
    with pytest.raises(ModelError):
        models.load(Choice(str(own)), "bfloat16", lambda _: None)
    assert seen == [None]
    assert models.shelf() == Shelf()


@pytest.mark.parametrize("shown", [1, 4])
def test_a_click_that_ends_the_script_frees_the_model_and_the_place(monkeypatch: pytest.MonkeyPatch, shown: int) -> None:
    """Streamlit ends a script at the next thing that it shows: here, while the model reads."""
    from types import SimpleNamespace

    from glm4viz.loss import token_losses
    from glm4viz.ui.loss import run

    class Ended(BaseException):
        pass

    told: list[str] = []

    def progress(_: float, text: str) -> None:
        told.append(text)
        if len(told) > shown:
            raise Ended

    monkeypatch.setattr(streamlit, "progress", lambda *_: SimpleNamespace(progress=progress))
    with pytest.raises(Ended):
        run.compute(
            Choice("demo"), lambda model, progress: token_losses(model, [1] * 500, chunk=16, progress=progress), key="x", tokens=500
        )
    assert len(told) == shown + 1
    assert models.turnstile().queue == []
    lock = models.demo("demo").lock  # type: ignore[union-attr]
    assert lock.acquire(blocking=False)
    lock.release()
