"""The comparison that the Compare page shows, and what differs in words."""

from collections.abc import Sequence

import streamlit as st

from glm4viz.comparison.compared import Comparison, compare
from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError
from glm4viz.linter.repair import openai_tools
from glm4viz.recipe import MaxLength, Recipe
from glm4viz.ui.current import identity
from glm4viz.ui.i18n import language, plain, t


def compare_recipes(conversation: Conversation, chosen: Sequence[Recipe], max_length: MaxLength) -> Comparison | None:
    """The comparison; None, with the reason on the page, if no recipe takes the conversation."""
    ids = [recipe.id for recipe in chosen]
    try:
        found = compare_ids(conversation, ids, max_length)
    except Glm4vizError as error:
        st.error(plain(error.sentence(language())), icon=":material/error:")
        return None
    for id, reason in found.errors.items():
        st.error(f"**{plain(id)}** {t('compare.rejects')} {plain(reason.sentence(language()))}", icon=":material/block:")
    if found.ids:
        return found
    mended = openai_tools(conversation.messages)
    if mended != conversation.messages:
        again = compare_ids(Conversation(mended), ids, max_length)
        if again.ids:
            st.info(t("rejected.tools"), icon=":material/build:")
            return again
    st.warning(t("compare.none"), icon=":material/block:")
    return None


def compare_ids(conversation: Conversation, ids: Sequence[str], max_length: MaxLength) -> Comparison:
    """Kept for the reader's session: a page is run again at every click. Raises as `compare` does."""
    return _compare(identity(conversation), tuple(ids), max_length, conversation)


@st.cache_resource(max_entries=6, scope="session", show_spinner=True)
def _compare(known_by: str, ids: tuple[str, ...], max_length: MaxLength, _conversation: Conversation) -> Comparison:  # noqa: ARG001
    found = compare(_conversation, ids, max_length=max_length)
    found.equal_masks()  # what is looked at is worked out once
    return found


def show_sentences(found: Comparison) -> None:
    st.subheader(t("compare.differences"), anchor=False)
    st.markdown("\n".join(f"- {sentence}" for sentence in found.sentences(language())))
