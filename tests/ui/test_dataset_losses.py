"""Records of the Dataset page by their loss: bounded, kept when cancelled, and each leading to Inspect."""

from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError
from glm4viz.locales import LANGUAGES, texts
from glm4viz.loss import load_model, token_losses, training_loss
from glm4viz.readers import read_conversations
from glm4viz.ui.dataset import losses
from tests.ui.test_dataset_page import BROKEN, broken

pytestmark = pytest.mark.slow  # a model is loaded


def ranked(at: AppTest) -> Any:
    return next((table.value for table in at.dataframe if str(table.key).startswith("dataset_losses")), None)


def opened(language: str) -> AppTest:
    at = broken(language)
    at.session_state["dataset_losses"] = True
    at.run()
    assert not at.exception
    assert ranked(at) is None, "nothing is computed before it is asked for"
    return at


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_records_with_the_highest_loss_stand_first(language: str) -> None:
    at, words = opened(language), texts(language)
    at.button(key="dataset_losses_run").click().run()
    assert not at.exception
    table, model = ranked(at), load_model("demo")
    known = {
        record.index + 1: training_loss(token_losses(model, glm4viz.label(record, max_length=1025)))
        for record in read_conversations(BROKEN)
        if isinstance(record, Conversation)
    }
    order = sorted(known, key=lambda number: -known[number])
    assert table[words["dataset.record"]].tolist() == order
    np.testing.assert_allclose(table[words["losses.mean"]], [known[number] for number in order], atol=1e-4)
    assert words["losses.done"].format(done=len(known), chosen=len(known), all=10) in [caption.value for caption in at.caption]


def test_a_long_file_is_looked_at_here_and_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "MOST_TOKENS", 100)
    at = opened("en")
    at.button(key="dataset_losses_run").click().run()
    numbers = ranked(at)[texts("en")["dataset.record"]]
    assert 2 <= len(numbers) < 7
    assert {1, 10} <= set(numbers), "from the first to the last"


def test_what_was_computed_stays_when_the_rest_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    from glm4viz.loss import file

    real, seen = file.record_losses, list[int]()

    def stops(*given: Any, **options: Any) -> Any:
        for nth, record in enumerate(real(*given, **options)):
            if nth == 3:
                raise Glm4vizError("stopped here", "停在这里")
            seen.append(record.number)
            yield record

    at = opened("en")
    with monkeypatch.context() as patched:
        patched.setattr(file, "record_losses", stops)
        at.button(key="dataset_losses_run").click().run()
    assert len(ranked(at)) == 3
    assert texts("en")["losses.rest"] in [box.value for box in at.info]
    at.button(key="dataset_losses_run").click().run()
    assert len(ranked(at)) == 7
    assert texts("en")["losses.rest"] not in [box.value for box in at.info]
