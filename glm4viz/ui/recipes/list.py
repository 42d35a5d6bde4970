"""Which recipes the Recipes page lists, and on which conversation it shows them."""

import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.reading.example import EXAMPLES, THINKING_EXAMPLES
from glm4viz.recipe import Recipe
from glm4viz.systems.own import get_custom
from glm4viz.systems.registry import DEFAULT, recipes
from glm4viz.ui.current import characters, current_conversation
from glm4viz.ui.i18n import language, t

MOST_CHARACTERS = 1_500  # of the reader's conversation: every recipe shows all of it


def find_recipes() -> list[Recipe]:
    """The search box, and the recipes that hold all its words; your own first, if it is chosen."""
    wanted = (st.text_input(t("recipes.search"), key="recipe_search", icon=":material/search:", persist_state="session") or "").lower()
    known = list(recipes().values())
    if st.session_state.get("recipe") == "custom" and st.session_state.get("custom"):
        known.insert(0, get_custom(st.session_state.custom))
    found = [recipe for recipe in known if all(word in _words(recipe) for word in wanted.split())]
    st.caption(t("recipes.count", count=len(found), total=len(known)))
    return found


def _words(recipe: Recipe) -> str:
    texts = [text for pair in (recipe.rule, recipe.max_length, *recipe.quirks) for text in pair.values()]
    return "\n".join([recipe.id, recipe.system, *recipe.source, *texts, *recipe.warnings]).lower()


def choose_example() -> tuple[Conversation | None, bool]:
    """The reader's conversation, None for each recipe's own example; and whether texts stand as symbols."""
    names = {kind: t(f"recipes.example_{kind}") for kind in ("symbols", "texts", "mine")}
    st.session_state.setdefault("recipe_example", "symbols")
    kind = st.segmented_control(
        t("recipes.example"), names, key="recipe_example", format_func=names.__getitem__, required=True, persist_state="session"
    )
    if kind == "mine":
        conversation = current_conversation()
        if conversation is not None and characters(conversation) <= MOST_CHARACTERS:
            st.caption(t("recipes.mine"))
            return conversation, False
        st.caption(":material/info: " + t("recipes.mine_none" if conversation is None else "recipes.mine_long", most=MOST_CHARACTERS))
    else:
        st.caption(" · ".join(f"{message['content']}" for message in EXAMPLES[language()]))
        said = [message.get(key) for message in THINKING_EXAMPLES[language()].messages for key in ("reasoning_content", "content")]
        st.caption("GLM-4.5: " + " · ".join(filter(None, said)))
    return None, kind == "symbols"


def scroll_to(recipe: Recipe) -> dict[str, bool]:
    """Is this the recipe chosen, and must the page move to it, as it was not chosen here?"""
    state = st.session_state
    chosen = recipe.id == state.get("recipe") or (recipe.system == "custom" and state.get("recipe") == "custom")
    return {"chosen": chosen, "scroll": chosen and state.get("recipes_seen", DEFAULT) != state.recipe}
