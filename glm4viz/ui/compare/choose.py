"""Which recipes are compared, and those of GLM-4.5 on offer where the conversation is one that they read."""

import streamlit as st

from glm4viz.comparison.closest import closest_recipe
from glm4viz.conversation import Conversation
from glm4viz.reading.thoughts import has_thought
from glm4viz.recipe import Recipe
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import DEFAULT, get_recipe
from glm4viz.ui.current import current_conversation
from glm4viz.ui.i18n import t
from glm4viz.ui.widgets.settings import recipe_names

MOST = 6
FIRST = (DEFAULT, "llamafactory", "glm4-combine@dfe4601")
GLM45 = ("trl-glm4.5", "ms-swift-glm4.5", "llamafactory-glm4.5")


def choose_recipes() -> list[Recipe]:
    """Two to six recipes, the first of which the others are held against. What a run fed is held against what its recipe promises."""
    state, names, conversation = st.session_state, recipe_names(), current_conversation()
    first: tuple[str, ...] = FIRST
    fed = conversation.captured if conversation else None
    if fed is not None:
        names, first = {CAPTURED.id: t("recipe.captured")} | names, (CAPTURED.id, closest_recipe(fed))
    kept = [id for id in state.get("compare_recipes", first) if id in names]
    state.compare_recipes = list(first) if CAPTURED.id in state.get("compare_recipes", ()) and len(kept) < 2 else kept
    chosen = st.multiselect(
        t("compare.recipes"),
        list(names),
        key="compare_recipes",
        format_func=names.__getitem__,
        max_selections=MOST,
        wrap=True,
        persist_state="session",
    )
    if len(chosen) < 2:
        st.info(t("compare.too_few"), icon=":material/add:")
    return [fed.recipe if fed is not None and id == CAPTURED.id else get_recipe(id) for id in chosen]


def suggest_recipes(conversation: Conversation | None, chosen: list[Recipe]) -> None:
    """A button, where the conversation has thoughts or calls in OpenAI's form and no recipe reads these. Nothing changes by itself."""
    chat = conversation and conversation.chat
    if chat is None or any(recipe.form == "openai" for recipe in chosen):
        return
    if any(has_thought(message) or message.get("tool_calls") for message in chat.messages):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(t("compare.suggest"), width="stretch")
            st.button(t("compare.suggest.take"), key="compare_suggest", icon=":material/psychology:", on_click=_take)


def _take() -> None:
    st.session_state.compare_recipes = list(GLM45)
