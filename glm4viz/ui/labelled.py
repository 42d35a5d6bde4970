"""From a conversation and a recipe to the sample on screen; where the script would refuse, the reason and what can be shown."""

import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError, RecipeRejects
from glm4viz.labelling.single import label_all
from glm4viz.linter.repair import openai_tools
from glm4viz.recipe import LabelledSample, MaxLength, Recipe
from glm4viz.ui.i18n import language, plain, t


def label_conversation(conversation: Conversation, recipe: Recipe, max_length: MaxLength) -> LabelledSample | None:
    """The labelled sample; None, with the reason on the page, if there is none to show."""
    try:
        return _one_of(label_all(conversation, recipe, max_length=max_length))
    except RecipeRejects as error:
        st.error(f"**{t('rejected')}** {plain(error.sentence(language()))}", icon=":material/block:")
    except Glm4vizError as error:
        st.error(plain(error.sentence(language())), icon=":material/error:")
        return None
    mended = openai_tools(conversation.messages)
    if mended == conversation.messages:
        return None
    try:
        samples = label_all(mended, recipe, max_length=max_length)
    except Glm4vizError:
        return None
    st.info(t("rejected.tools"), icon=":material/build:")
    return _one_of(samples)


def _one_of(samples: list[LabelledSample]) -> LabelledSample:
    """The sample to look at, for a recipe that makes several of one conversation."""
    if len(samples) == 1:
        return samples[0]
    numbers = range(1, len(samples) + 1)
    names = {number: t("part_sample.name", number=number, tokens=len(samples[number - 1])) for number in numbers}
    number = st.selectbox(t("part_sample", count=len(samples)), numbers, format_func=names.__getitem__)
    return samples[number - 1]
