"""Which recipe, and how long a sample may be."""

import streamlit as st

from glm4viz.recipe import MaxLength, Recipe
from glm4viz.systems.registry import DEFAULT, recipes
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.widgets.custom_recipe import choose_custom
from glm4viz.ui.widgets.training_config import choose_config, show_config

MAX_INPUT, MAX_OUTPUT = 512, 512  # GLM-4's lora.yaml
CUSTOM = "custom"


def choose_recipe() -> Recipe:
    """The recipe chosen, with its rule and source to open; the reader's own; or that of a training config."""
    known = recipes()
    names = {id: f"{id} · {recipe.system} {recipe.source.date}" for id, recipe in known.items()} | {CUSTOM: t("custom.name")}
    st.session_state.setdefault("recipe", DEFAULT)
    chosen = st.selectbox(t("recipe"), list(names), key="recipe", format_func=names.__getitem__, persist_state="session")
    recipe = choose_custom() if chosen == CUSTOM else known[chosen]
    left, right = st.columns(2, gap="small")
    with left, st.popover(t("recipe.rule"), icon=":material/gavel:", width="stretch"):
        st.markdown(plain(recipe.rule[language()]))
        if recipe.source.date:
            st.caption(t("recipe.source", **recipe.source._asdict()))
        if recipe.quirks:
            st.markdown(f"**{t('recipe.quirks')}**\n" + "\n".join(f"- {plain(quirk[language()])}" for quirk in recipe.quirks))
    with right:
        choose_config()
    show_config(recipe.id)
    return recipe


def choose_max_length(recipe: Recipe) -> MaxLength:
    """The length limit in the system's own terms: one number, or a pair; GLM-4's is a sum of two."""
    state, meaning = st.session_state, recipe.max_length[language()]
    state.setdefault("max_length", MAX_INPUT + MAX_OUTPUT + 1)
    if recipe.max_length_pair:
        _show_pair("max_source_length", "max_target_length", meaning)
        return state.max_input_length or 1, state.max_output_length or 1
    max_length = st.number_input(t("max_length"), min_value=1, key="max_length", help=meaning, on_change=_split, persist_state="session")
    if recipe.system == "GLM-4":
        with st.popover("max_input_length + max_output_length", icon=":material/functions:", width="stretch"):
            _show_pair("max_input_length", "max_output_length", meaning)
    return int(max_length or 1)


def _show_pair(first: str, second: str, meaning: str) -> None:
    state = st.session_state
    if "max_input_length" not in state:
        _split()
    for label, key in ((first, "max_input_length"), (second, "max_output_length")):
        st.number_input(label, min_value=0, key=key, on_change=_join, persist_state="session")
    st.caption(meaning)


def _join() -> None:
    state = st.session_state
    state.max_length = (state.max_input_length or 0) + (state.max_output_length or 0) + 1


def _split() -> None:
    state = st.session_state
    limit = state.max_length or 1
    state.max_input_length = min(state.get("max_input_length") or MAX_INPUT, max(limit - 2, 0))
    state.max_output_length = max(limit - 1 - state.max_input_length, 0)
