"""Which recipe, and how long a sample may be."""

import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.reading.thoughts import has_thought
from glm4viz.recipe import MaxLength, Recipe
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import DEFAULT, get_recipe, recipes
from glm4viz.ui.current import is_capture
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.widgets.custom_recipe import choose_custom
from glm4viz.ui.widgets.training_config import choose_config, show_config

MAX_INPUT, MAX_OUTPUT = 512, 512  # GLM-4's lora.yaml
CUSTOM = "custom"
THINKING = "trl-glm4.5"  # what a conversation with thoughts or calls is opened with on request
ANY = "∗"  # a recipe for any model, whatever its tokenizer
# By what an id says; the first that fits. GLM-4's recipes have no sign of their own, but that the systems of other models are named after these.
FAMILIES = {"GLM-4.5": "glm4.5", "GLM-4.7": "glm4.7", "GLM-Z1": "glmz1", "ChatGLM": "chatglm", "InternLM": "internlm", ANY: "hf-"}
ORDER = ("GLM-4", *FAMILIES)


def choose_recipe(*, fed: bool = True) -> Recipe:
    """The recipe chosen, with its rule and source to open; the reader's own; that of a training config; or what a run fed.

    fed: offer the latter where a capture is on screen.
    """
    state, names = st.session_state, recipe_names() | {CUSTOM: t("custom.name")}
    if fed and is_capture():
        names = {CAPTURED.id: t("recipe.captured")} | names
    if state.get("recipe") not in names:  # at first; and when a capture that was on screen is there no more
        state.recipe = CAPTURED.id if CAPTURED.id in names else state.get("recipe_before", DEFAULT)
    chosen = st.selectbox(t("recipe"), list(names), key="recipe", format_func=names.__getitem__, persist_state="session")
    if chosen != CAPTURED.id:
        state.recipe_before = chosen
    recipe = choose_custom() if chosen == CUSTOM else get_recipe(chosen)
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


def family(recipe: Recipe) -> str:
    """The models that the recipe trains: one of ORDER."""
    return next((name for name, sign in FAMILIES.items() if sign in recipe.id), ORDER[0])


def recipe_names() -> dict[str, str]:
    """What the recipes are called in a list, by id, those of one family of models together: GLM-4, GLM-4.5 and later, then others."""
    known = recipes()
    ids = sorted(known, key=lambda id: ORDER.index(family(known[id])))
    return {id: f"{family(known[id])} · {id} · {known[id].system} {known[id].source.date}" for id in ids}


def suggest_recipe(conversation: Conversation | None, recipe: Recipe) -> None:
    """A line with a button, where the conversation has what GLM-4.5 is trained on and the recipe is GLM-4's. Nothing changes by itself."""
    messages = [] if conversation is None else (conversation.chat or conversation).messages
    thoughts, calls = any(map(has_thought, messages)), any(message.get("tool_calls") for message in messages)
    if recipe.form == "openai" or recipe.id == CAPTURED.id or not (thoughts or calls):
        return
    has = "both" if thoughts and calls else "thoughts" if thoughts else "calls"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="suggestion"):
        st.caption(t(f"suggest.{has}"), width="stretch")
        st.button(t("suggest.open", recipe=THINKING), key="suggest", icon=":material/psychology:", on_click=_take_suggestion)


def _take_suggestion() -> None:
    st.session_state.recipe = THINKING


def choose_max_length(recipe: Recipe) -> MaxLength:
    """The length limit in the system's own terms: one number, or a pair; GLM-4's is a sum of two. What a run fed isn't cut anew."""
    state, meaning = st.session_state, recipe.max_length[language()]
    if recipe.id == CAPTURED.id:
        st.caption(t("recipe.captured.whole"))
        return None
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
