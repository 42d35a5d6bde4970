"""The demo model's loss of a sample, computed when a step first needs it."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import streamlit as st

from glm4viz.errors import Glm4vizError
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.ui.i18n import language, plain, t
from glm4viz.walkthrough.training import cross_entropy, mean_loss

AT_ONCE = 1_200  # tokens; more are computed when the reader asks for it


class Numbers(NamedTuple):
    """losses [T - 1]: of the prediction made at each position, 0 where it isn't trained. mean: over the trained; everything: over all."""

    losses: npt.NDArray[np.floating[Any]]
    mean: float
    trained: int
    everything: float


def numbers(sample: LabelledSample) -> Numbers | None:
    """The numbers, kept for this session; None, with the reason or a button on the page, if there are none yet."""
    key, state = (sample.input_ids.tobytes(), sample.labels.tobytes()), st.session_state
    if state.get("walk_numbers", (None, None))[0] == key:
        kept: Numbers = state.walk_numbers[1]
        return kept
    if len(sample) > AT_ONCE and not st.button(
        t("walk.compute", tokens=f"{len(sample):,}"), icon=":material/calculate:", key="walk_compute"
    ):
        return None
    try:
        found = _compute(sample)
    except Glm4vizError as error:
        st.warning(plain(error.sentence(language())), icon=":material/warning:")
        return None
    state.walk_numbers = (key, found)
    return found


def _compute(sample: LabelledSample) -> Numbers:
    bar = st.progress(0.0, t("walk.computing"))

    def report(share: float) -> None:
        bar.progress(min(share, 1.0), t("walk.computing"))

    try:
        from glm4viz.loss import token_losses

        found = token_losses(_demo_model(), sample, top_k=0, progress=report)
    finally:
        bar.empty()
    target = sample.labels[1:]
    losses = cross_entropy(-found.label_nll[1:], target)
    everything = float(np.nanmean(found.nll)) if len(sample) > 1 else 0.0
    return Numbers(losses, mean_loss(losses, target), int((target != IGNORE).sum()), everything)


@st.cache_resource(show_spinner=False)
def _demo_model() -> Any:
    from glm4viz.loss import load_model

    return load_model("demo", device="cpu")
