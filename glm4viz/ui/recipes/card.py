"""A card for one recipe: its rule, the worked example, and, to open, its source, limit, quirks and code."""

import streamlit as st

from glm4viz.conversation import ROLES, Conversation
from glm4viz.errors import Glm4vizError
from glm4viz.reading.example import Chip, chips, example_for, source_code, symbols, worked_example
from glm4viz.recipe import Recipe
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.widgets.chips import show_chips

CODE_HEIGHT = 460


def show_legend() -> None:
    """What the marks mean, drawn with the marks themselves."""
    states = [(t("chips.masked"), False, ""), (t("chips.trained"), True, ""), ("x", True, t("chips.differs"))]
    show_chips([[Chip(text, "content", ROLES[0], -1, trained, label, ()) for text, trained, label in states]], key="legend")


def show_card(recipe: Recipe, conversation: Conversation | None, *, short: bool, chosen: bool, scroll: bool) -> None:
    """conversation: None for the recipe's own example. short: contents stand as S, U1, A1. chosen: the card's fold is open at first."""
    with st.container(border=True, key=f"card_{_slug(recipe)}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(plain(recipe.id), anchor=False, width="content")
            if recipe.source.date:
                st.badge(f"{recipe.source.commit} · {recipe.source.date}", color="gray")
            st.space("stretch")
            if st.button(t("recipes.open"), icon=":material/frame_inspect:", key=f"inspect_{_slug(recipe)}"):
                if recipe.system != "custom":
                    st.session_state.recipe = recipe.id
                st.switch_page("pages/inspect.py")
        st.markdown(plain(recipe.rule[language()]))
        for warning in recipe.warnings:
            st.caption(f":orange[:material/warning:] {t('recipes.says')} {plain(warning)}")
        _show_example(recipe, conversation, short, scroll)
        fold = st.expander(
            t("recipes.details"),
            expanded=chosen,
            icon=":material/code:",
            key=f"details_{_slug(recipe)}",
            on_change=_choose,
            args=(recipe,),
        )
        if fold.open:
            with fold:
                _show_details(recipe)


def _slug(recipe: Recipe) -> str:
    return "".join(c if c.isalnum() else "_" for c in recipe.id)


def _choose(recipe: Recipe) -> None:
    """A card that is opened becomes the recipe chosen, so that the address leads to it."""
    if st.session_state[f"details_{_slug(recipe)}"] and recipe.system != "custom":
        st.session_state.recipe = st.session_state.recipes_seen = recipe.id


def _show_example(recipe: Recipe, conversation: Conversation | None, short: bool, scroll: bool) -> None:
    try:
        example = worked_example(recipe, conversation or example_for(recipe, language()))
    except Glm4vizError as error:
        st.caption(f":material/error: {plain(error.sentence(language()))}")
        return
    if example.refused:
        text = t("recipes.refused") if example.samples else t("recipes.refused_all")
        st.caption(f":orange[:material/block:] {plain(example.refused.sentence(language()))} {text}")
    lines = [chips(sample, symbols(sample.messages) if short else {}) for sample in example.samples]
    if lines:
        show_chips(lines, key=f"example_{_slug(recipe)}", scroll=scroll)


def _show_details(recipe: Recipe) -> None:
    source = recipe.source
    left, right = st.columns(2, gap="large")
    with left:
        if source.date:
            url = f"https://github.com/{source.repository}/blob/{source.commit}/{source.path}"
            st.markdown(f"**{t('recipes.source')}**  \n[{plain(source.repository)} · {plain(source.path)}]({url})")
            st.caption(t("recipes.commit", commit=source.commit, date=source.date))
        st.markdown(f"**{t('recipes.limit')}**  \n{plain(recipe.max_length[language()])}")
    with right:
        if recipe.quirks:
            st.markdown(f"**{t('recipe.quirks')}**\n" + "\n".join(f"- {plain(quirk[language()])}" for quirk in recipe.quirks))
    st.markdown(f"**{t('recipes.code')}**")
    st.code(source_code(recipe), language="python", line_numbers=True, height=CODE_HEIGHT)
