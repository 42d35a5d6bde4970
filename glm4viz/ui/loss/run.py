"""One computation on the Loss page: wait for a turn, load the model, show progress, let it be cancelled."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from glm4viz.errors import Glm4vizError
from glm4viz.loss.pace import BYTES, TOKENS, Pace
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.loss.models import Choice, load, turnstile
from glm4viz.ui.loss.own import load_as

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel, Loading

Result = TypeVar("Result")


def compute(choice: Choice, work: Callable[["AnyModel", Callable[[float], None]], Result], *, key: str, tokens: int = 0) -> Result | None:
    """What `work` makes of the model and a progress callback; None, with a sentence on the page, if it can't be had.

    A click on Cancel, or on anything else, stops the script at the next progress it shows, and with it the computation, the loading
    or the waiting; the model and the place in the queue are free then. tokens: how many are read, for the rate.
    """
    place = st.empty()
    try:
        with place.container(horizontal=True, vertical_alignment="center"):
            show = Bar(choice.name, key)
        with turnstile().turn(show.waiting):
            model = load(choice, load_as(choice), show.loading)
            return work(model, show.reading(tokens))
    except Glm4vizError as error:
        st.error(plain(error.sentence(language())), icon=":material/error:")
        return None
    finally:
        place.empty()


class Bar:
    """A bar that says what is being done, how far it is, how fast and how long yet; and a button to cancel it."""

    def __init__(self, name: str, key: str) -> None:
        self.name, self.step, self.pace = plain(name), "", Pace(0)
        self.bar = st.progress(0.0, t("loss.loading", model=self.name))
        st.button(t("loss.cancel"), icon=":material/close:", key=f"cancel_{key}", on_click=_cancel)

    def waiting(self, ahead: int) -> None:
        self.bar.progress(0.0, t("loss.waiting", ahead=ahead))

    def loading(self, told: "Loading") -> None:
        if told.step != self.step:
            self.step, self.pace = told.step, Pace(told.total, BYTES)
        name = {"download": "loss.downloading", "load": "loss.loading"}[told.step]
        self.bar.progress(_share(told.done / told.total), f"{t(name, model=self.name)} {self.pace.said(told.done)[language()]}")

    def reading(self, tokens: int) -> Callable[[float], None]:
        pace = Pace(tokens or 1, TOKENS if tokens else None)

        def show(share: float) -> None:
            said = pace.said(share * (tokens or 1))[language()]
            self.bar.progress(_share(share), f"{t('loss.running', model=self.name)} {said}")

        show(0.0)
        return show


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _cancel() -> None:
    st.session_state.loss_cancelled = True
