"""One computation on the Loss page: wait for a turn, load the model, show progress, let it be cancelled."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from glm4viz.errors import Glm4vizError
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.loss.models import Choice, Waiting, load, turnstile

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel

Result = TypeVar("Result")


def compute(choice: Choice, work: Callable[["AnyModel", Callable[[float], None]], Result], *, key: str) -> Result | None:
    """What `work` makes of the model and a progress callback; None, with a sentence on the page, if it can't be had.

    A click on Cancel, or on anything else, stops the script at the next progress it shows, and with it the computation.
    """
    place = st.empty()
    waiting = Waiting(t("loss.waiting"))
    try:
        with turnstile().turn(waiting):
            waiting.done()
            with place.container(horizontal=True, vertical_alignment="center"):
                bar = st.progress(0.0, t("loss.loading", model=choice.name))
                st.button(t("loss.cancel"), icon=":material/close:", key=f"cancel_{key}", on_click=_cancel)
            model = load(choice)
            return work(model, lambda share: _show(bar, share, choice.name))
    except Glm4vizError as error:
        st.error(plain(error.sentence(language())), icon=":material/error:")
        return None
    finally:
        place.empty()


def _show(bar: "st.delta_generator.DeltaGenerator", share: float, name: str) -> None:
    bar.progress(min(max(share, 0.0), 1.0), t("loss.running", model=name))


def _cancel() -> None:
    st.session_state.loss_cancelled = True
