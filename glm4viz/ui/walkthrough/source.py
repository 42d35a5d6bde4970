"""The code beside a step: written plainly, and one click away the code that the app itself runs."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from glm4viz.ui.i18n import t
from glm4viz.ui.walkthrough import draw
from glm4viz.walkthrough.listing import code_of, own_code
from glm4viz.walkthrough.steps import Step


def beside_source(step: Step) -> DeltaGenerator:
    """Draws the lines that do the step on the right, if there are any; what it gives back is the rest of the page."""
    listings = code_of(step)
    if not listings:
        return st.container()
    left, right = st.columns(2, gap="medium")
    with right:
        st.markdown(f"**{t('walk.source')}**")
        draw(
            {"scene": "source", "key": step.kind, "listings": [listing._asdict() for listing in listings], "lit": t("walk.lit")},
            key="walk_source",
        )
        _show_own_code(step)
    return left


def _show_own_code(step: Step) -> None:
    found, source = own_code(step), step.sample.recipe.source
    if not found:
        return
    st.caption(t("walk.source.plain"))
    if step.kind != "padding":
        st.caption(t("walk.source.original", repository=source.repository, path=source.path, commit=source.commit, date=source.date))
    if st.button(t("walk.source.own"), icon=":material/code:", key="walk_own_code"):
        st.dialog(t("walk.source.own"), width="large")(_show_files)(found)


def _show_files(files: dict[str, str]) -> None:
    for tab, code in zip(st.tabs(list(files)), files.values(), strict=True):
        tab.code(code, line_numbers=True, height=560)
