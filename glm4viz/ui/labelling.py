"""From a conversation and a recipe to the sample on screen; where the script would refuse, the reason and what can be shown."""

import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError, RecipeRejects
from glm4viz.recipe import Recipe
from glm4viz.repair import openai_tools
from glm4viz.sample import LabelledSample, label_all
from glm4viz.ui.i18n import language, plain, t


def label_conversation(conversation: Conversation, recipe: Recipe, max_length: int) -> LabelledSample | None:
    """The labelled sample; None, with the reason on the page, if there is none to show."""
    try:
        return label_all(conversation, recipe, max_length=max_length)[0]
    except RecipeRejects as error:
        st.error(f"**{t('rejected')}** {plain(error.sentence(language()))}", icon=":material/block:")
    except Glm4vizError as error:
        st.error(plain(error.sentence(language())), icon=":material/error:")
        return None
    mended = openai_tools(conversation.messages)
    if mended == conversation.messages:
        return None
    try:
        sample = label_all(mended, recipe, max_length=max_length)[0]
    except Glm4vizError:
        return None
    st.info(t("rejected.tools"), icon=":material/build:")
    return sample
